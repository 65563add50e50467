"""How a recording's sound gets into its pieces, and what ends that."""

from concurrent.futures import Future

import pytest

from common.recording import MOST_PIECES, PIECE_SECONDS
from relay.recording import tape as taping
from relay.recording.tape import Tape
from tests.support.virtual import virtual
from tests.unit.relay.recording.studio import AtOnce, Shelf

RATE = 8000
SECOND = bytes(2 * RATE)


class Uploads(Shelf):
    """Notes what was given up."""

    given_up = ""

    def give_up(self, why):
        self.given_up = why


def tape(executor=None, *, errors=None):
    uploads = Uploads()
    return Tape(
        RATE, 1, executor=executor or AtOnce(), uploads=uploads, on_error=(errors if errors is not None else []).append
    ), uploads


@virtual
async def test_a_piece_is_uploaded_once_nothing_in_it_can_change():
    one, uploads = tape()
    one.finish_before(PIECE_SECONDS * RATE - 1)
    assert not uploads.pieces
    one.finish_before(2 * PIECE_SECONDS * RATE)
    assert list(uploads.pieces) == [0, 1]
    one.stop(2 * PIECE_SECONDS * RATE + 1)
    assert list(uploads.pieces) == [0, 1, 2]


@virtual
async def test_a_recording_has_only_so_many_pieces(monkeypatch):
    """A line that never hangs up must not fill the store."""
    monkeypatch.setattr(taping, "MOST_PIECES", 2)
    one, uploads = tape()
    one.finish_before(5 * PIECE_SECONDS * RATE)
    assert (list(uploads.pieces), one.closed) == ([0, 1], True)
    assert MOST_PIECES * PIECE_SECONDS >= 3600  # as long as Exotel lets a call be


@virtual
async def test_a_recording_that_is_dropped_uploads_nothing():
    one, uploads = tape()
    one.add(0, 0, SECOND)
    one.discard()
    one.stop(PIECE_SECONDS * RATE)
    assert (uploads.pieces, uploads.given_up) == ({}, "not wanted")


class Failing(AtOnce):
    """The other thread raises."""

    def submit(self, work, /, *args, **kwargs):
        future = Future()
        future.set_exception(ZeroDivisionError())
        return future


@virtual
async def test_what_the_other_thread_raises_is_reported():
    errors = []
    one, _ = tape(Failing(), errors=errors)
    for second in range(2):
        one.add(0, second * RATE, SECOND)
        one.flush(0)
    assert [type(error) for error in errors] == [ZeroDivisionError]


@pytest.mark.parametrize(("gap", "batches"), [(0, 1), (1, 2)])
@virtual
async def test_sound_without_a_gap_is_written_at_once(gap, batches):
    written = []

    class Watched(AtOnce):
        def submit(self, work, /, *args, **kwargs):
            written.extend(args[0] if work.__name__ == "write" else ())
            return super().submit(work, *args, **kwargs)

    one, _ = tape(Watched())
    one.add(0, 0, SECOND)
    one.add(0, RATE + gap, SECOND)
    one.flush(0)
    assert [(channel, first) for channel, first, _ in written] == [(0, 0), (0, RATE + gap)][:batches]
