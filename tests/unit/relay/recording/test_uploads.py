"""The upload of a recording's pieces: which are stored, which are tried again, and what is said of the others."""

import asyncio
import tempfile

import aiohttp
import pytest

from common.recording import HEAD_BYTES, PIECE_SECONDS
from relay.events.delivery import DeliveryError
from relay.logs import CallLog
from relay.metrics import Metrics
from relay.recording.uploads import ASKED_FOR, GOOD_FOR_S, WAITING, Store, StreamUploads
from tests.support.virtual import virtual

pytestmark = pytest.mark.usefixtures("logged")

SIZE = 1000
BODY = bytes(range(250)) * 4 + bytes(HEAD_BYTES)
PIECE_MS = PIECE_SECONDS * 1000


class Response:
    def __init__(self, status):
        self.status = status
        self.content = self

    async def iter_any(self):
        yield b""


class Bucket:
    """Stands where the HTTP client does. `answers`: statuses, errors or seconds to take, the last again and again."""

    def __init__(self, *answers):
        self.answers = list(answers) or [200]
        self.puts = []

    def put(self, url, *, data, headers, timeout):
        return _Put(self, str(url), data, headers)


class _Put:
    def __init__(self, bucket, url, data, headers):
        self._bucket, self._url, self._data, self._headers = bucket, url, data, headers

    async def __aenter__(self):
        body = b"".join([chunk async for chunk in self._data])
        self._bucket.puts.append((self._url, body, self._headers, asyncio.get_running_loop().time()))
        answers = self._bucket.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            answer = 200
        return Response(answer)

    async def __aexit__(self, *_):
        return None


class World:
    """One stream's uploads. `grants`: False for functions that give no permission; or an error."""

    def __init__(self, *answers, grants=True, url="/upload/{piece}"):
        self.bucket, self.grants, self.url = Bucket(*answers), grants, url
        self.asked = []
        self.metrics = Metrics()
        store = Store(self.bucket, self._ask, "https://functions/relay", self.metrics, asyncio.Semaphore(2))
        self.uploads = StreamUploads(
            store, SIZE, lambda **what: {"type": "recording.upload", **what}, CallLog("c", "s")
        )

    async def _ask(self, event):
        self.asked.append(event)
        if isinstance(self.grants, Exception):
            raise self.grants
        if not self.grants:
            return {}
        pieces = range(event["first"], event["first"] + event["count"])
        return {
            "uploads": [
                {"method": "PUT", "piece": piece, "url": self.url.format(piece=piece), "headers": {"X-A": "b"}}
                for piece in pieces
            ]
        }

    def add(self, number, body=BODY):
        piece = asyncio.get_running_loop().create_future()
        file = None
        if body is not None:
            file = tempfile.TemporaryFile()  # noqa: SIM115 - the uploads close it
            file.write(body)
            file.flush()
        piece.set_result(file)
        self.uploads.add(number, piece)
        return file

    def count(self, outcome):
        return self.metrics.recording_pieces.labels(outcome)._value.get()


def missing(spans):
    return [(span["from_ms"], span["to_ms"], span["why"]) for span in spans.as_json()]


@virtual
async def test_pieces_are_stored_one_after_another_with_one_permission_for_many():
    world = World()
    files = [world.add(number) for number in range(3)]
    kept, lost = await world.uploads.close()
    assert (kept, missing(lost)) == (3, [])
    assert [url for url, *_ in world.bucket.puts] == [f"https://functions/upload/{number}" for number in range(3)]
    assert {(body, headers["x-a"], headers["Content-Length"]) for _, body, headers, _ in world.bucket.puts} == {
        (BODY, "b", str(HEAD_BYTES + SIZE))
    }
    assert [(event["first"], event["count"], event["bytes"]) for event in world.asked] == [
        (0, ASKED_FOR, HEAD_BYTES + SIZE)
    ]
    assert all(file.closed for file in files)
    assert (world.count("kept"), world.count("dropped")) == (3, 0)


@virtual
async def test_an_address_elsewhere_is_used_as_it_is():
    world = World(url="https://bucket/a%2Fb?sig=%2B")
    world.add(0)
    assert (await world.uploads.close())[0] == 1
    assert world.bucket.puts[0][0] == "https://bucket/a%2Fb?sig=%2B"


@virtual
async def test_an_empty_piece_is_neither_stored_nor_missing():
    world = World()
    world.add(0, None)
    kept, lost = await world.uploads.close()
    assert (kept, missing(lost), world.asked) == (0, [], [])


@pytest.mark.parametrize("status", [200, 201, 204, 412])
@virtual
async def test_what_the_store_has_is_kept(status):
    """412: an earlier attempt has written it, and its answer was lost."""
    world = World(status)
    world.add(0)
    assert (await world.uploads.close())[0] == 1
    assert len(world.bucket.puts) == 1


@pytest.mark.parametrize("problem", [500, 403, aiohttp.ClientError("reset"), TimeoutError()])
@virtual
async def test_a_failed_attempt_is_repeated_after_a_pause_with_a_new_permission(problem):
    world = World(problem, problem, 200)
    world.add(0)
    assert (await world.uploads.close())[0] == 1
    assert [at for *_, at in world.bucket.puts] == pytest.approx([0, 0.5, 1.5])
    assert len(world.asked) == 3


@pytest.mark.parametrize("status", [403, 500])
@virtual
async def test_the_permissions_that_come_with_the_new_one_are_used(status):
    world = World(200, status, 200)
    for number in range(3):
        world.add(number)
    assert (await world.uploads.close())[0] == 3
    assert [event["first"] for event in world.asked] == [0, 1]


@pytest.mark.parametrize(("status", "asks_again"), [(403, True), (500, False)])
@virtual
async def test_a_permission_that_is_refused_makes_the_others_invalid_too(status, asks_again):
    world = World(*[status] * 5, 200)
    world.add(0)
    world.add(1)
    kept, lost = await world.uploads.close()
    assert (kept, missing(lost)) == (1, [(0, PIECE_MS, f"HTTP {status}")])
    assert [event["first"] for event in world.asked] == [0] * 5 + [1] * asks_again


@virtual
async def test_a_piece_that_cannot_be_stored_is_missing_by_its_time_and_its_reason(caplog):
    world = World(500)
    file = world.add(2)
    kept, lost = await world.uploads.close()
    assert (kept, missing(lost)) == (0, [(2 * PIECE_MS, 3 * PIECE_MS, "HTTP 500")])
    assert len(world.bucket.puts) == 5
    assert file.closed
    assert "piece 2 of the recording could not be kept: HTTP 500" in caplog.text
    assert world.count("dropped") == 1


@virtual
async def test_several_that_are_missing_are_one_line_in_the_log(caplog):
    world = World(500)
    for number in range(2):
        world.add(number)
    _, lost = await world.uploads.close()
    assert missing(lost) == [(0, 2 * PIECE_MS, "HTTP 500")]
    assert caplog.text.count("could not be kept") == 1


@virtual
async def test_a_piece_is_tried_for_half_a_minute():
    world = World(aiohttp.ClientError("x"), 60.0)
    world.add(0)
    _, lost = await world.uploads.close()
    assert asyncio.get_running_loop().time() == pytest.approx(30.0)
    assert missing(lost) == [(0, PIECE_MS, "ClientError: x")]


@virtual
async def test_functions_that_give_no_permission_are_asked_once():
    """Those of an earlier release store each request as an event of the call."""
    world = World(grants=False)
    world.add(0)
    world.add(1)
    _, lost = await world.uploads.close()
    why = "upload not granted: the functions gave no permission"
    assert missing(lost) == [(0, 2 * PIECE_MS, why)]
    assert len(world.asked) == 1


@virtual
async def test_functions_that_cannot_be_reached_are_asked_again():
    world = World(grants=DeliveryError("HTTP 503"))
    world.add(0)
    _, lost = await world.uploads.close()
    assert missing(lost) == [(0, PIECE_MS, "upload not granted: HTTP 503")]
    assert len(world.asked) == 5


@virtual
async def test_a_permission_is_not_used_when_it_is_old():
    world = World()
    world.add(0)
    await asyncio.sleep(GOOD_FOR_S - 1)
    world.add(1)
    await asyncio.sleep(2)
    world.add(2)
    await asyncio.sleep(1)
    assert [event["first"] for event in world.asked] == [0, 2]
    assert (await world.uploads.close())[0] == 3


@virtual
async def test_no_more_than_half_a_minute_waits():
    world = World(20.0)
    files = [world.add(number) for number in range(WAITING + 2)]
    await asyncio.sleep(0)
    assert [file.closed for file in files] == [False] * WAITING + [True] * 2
    kept, lost = await world.uploads.close()
    assert (kept, missing(lost)) == (WAITING, [(WAITING * PIECE_MS, 6 * PIECE_MS, "too many pieces waiting")])


@virtual
async def test_what_is_not_stored_when_it_is_given_up_is_dropped():
    world = World(20.0)
    files = [world.add(number) for number in range(3)]
    await asyncio.sleep(1)
    world.uploads.give_up("the call has no agent")
    kept, lost = await world.uploads.close()
    assert (kept, missing(lost)) == (0, [(0, 3 * PIECE_MS, "the call has no agent")])
    await asyncio.sleep(0)
    assert all(file.closed for file in files)


@virtual
async def test_an_error_of_ours_costs_one_piece():
    world = World(ZeroDivisionError("x"), 200)
    world.add(0)
    world.add(1)
    kept, lost = await world.uploads.close()
    assert (kept, missing(lost)) == (1, [(0, PIECE_MS, "defect: ZeroDivisionError")])


@virtual
async def test_without_a_piece_there_is_nothing_to_wait_for():
    world = World()
    kept, lost = await world.uploads.close()
    assert (kept, missing(lost)) == (0, [])
