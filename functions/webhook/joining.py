"""Joins the pieces of a recording into one file when the call is over.

A repetition after a crash has the same result: the file depends only on the pieces, is written only if there is none,
and is read back and compared before the pieces are deleted. No more than a few pieces are in memory at any time.

A call can come back to the bot after its recording was joined. Its later streams are then joined into a second file.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256

from common import layout
from common.documents import Document, encode, text
from common.recording import HEAD_BYTES, LARGEST_PIECE, PIECE_SECONDS, SILENCE, head, read_head
from common.times import to_unix
from functions.common import log
from functions.common.calls import write_record
from functions.common.pieces import Pieces, gather
from functions.common.recordings import duration_ms, offsets_ms, told_of
from functions.common.store import Store
from functions.common.streams import Stream, streams_of
from functions.webhook import flac

_AT_ONCE = 8
_LONGEST_GAP_S = 4 * 3600
_LOST = "lost with its relay"
_DAMAGED = "damaged"


@dataclass(slots=True)
class _Take:
    """What one stream recorded. `first`, `frames`: its place in the file, in samples."""

    stream_sid: str
    keys: dict[int, str]
    told: bool
    offset_ms: int
    first: int
    frames: int


def join(call_sid: str, store: Store, now: float, after_s: float, *, anyhow: bool = False, kind: str = "wav") -> bool:
    """Returns True if nothing is left to do: no pieces, or all in a file. False if more may come.

    A stream whose relay never reported the end of its recording is waited for `after_s` longer; with `anyhow` it is
    not. `kind`: of the file, wav or flac.
    """
    seen: dict[str, Document] = {}
    pieces = gather(store, call_sid, seen)
    joined = {key for done in pieces.joined for key in done.get("pieces", []) if isinstance(key, str)}
    there = list(store.keys(layout.recordings(call_sid)))
    _delete([key for key in there if key in joined], store)  # left by a sweep that died
    kept = _by_stream(call_sid, (key for key in there if key not in joined))
    streams = streams_of(pieces)
    if not anyhow and not _over(streams, pieces, kept, now - after_s):
        return False
    if not kept:
        return True
    name = f"-{len(pieces.joined) + 1}" if pieces.joined else ""
    _join(call_sid, layout.recording(call_sid, name, kind), kept, streams, pieces, store)
    write_record(store, call_sid, seen)
    return True


def so_far(call_sid: str, store: Store) -> tuple[int, Iterator[bytes]] | None:
    """A recording that is not joined yet, as a file: the number of pieces, and the bytes; None if there are none."""
    kept = _by_stream(call_sid, store.keys(layout.recordings(call_sid)))
    if not kept:
        return None
    pieces = gather(store, call_sid)
    rate_hz, channels = _format(kept, store)
    takes = _takes(kept, streams_of(pieces), pieces, rate_hz)
    return sum(map(len, kept.values())), _Sound(takes, rate_hz, channels, store, as_flac=False).parts()


def _over(streams: list[Stream], pieces: Pieces, kept: dict[str, dict[int, str]], silent_since: float) -> bool:
    told = told_of(pieces)
    known = {stream.stream_sid for stream in streams}
    for stream in streams:
        end = stream.ended or stream.closed
        if end is None:
            return False
        ended_at = to_unix(text(end, "ended_at")) or to_unix(text(end, "at")) or 0.0
        if stream.stream_sid in kept and stream.stream_sid not in told and ended_at > silent_since:
            return False
    return bool(streams) and set(kept) <= known


def _by_stream(call_sid: str, keys: Iterable[str]) -> dict[str, dict[int, str]]:
    """stream_sid → number → key of each piece."""
    found: dict[str, dict[int, str]] = {}
    for key in keys:
        stream_sid, _, name = key.removeprefix(layout.recordings(call_sid)).partition("/")
        number = name.removesuffix(".wav")
        if name.endswith(".wav") and number.isascii() and number.isdigit() and len(number) == 5:
            found.setdefault(stream_sid, {})[int(number)] = key
    return found


def _join(
    call_sid: str, target: str, kept: dict[str, dict[int, str]], streams: list[Stream], pieces: Pieces, store: Store
) -> None:
    rate_hz, channels = _format(kept, store)
    takes = _takes(kept, streams, pieces, rate_hz)
    sound = _Sound(takes, rate_hz, channels, store, as_flac=target.endswith(".flac"))
    fresh = store.create_large(target, sound.parts())
    if not fresh:  # written by a sweep that died before it could note that, or by somebody else
        for _ in sound.parts():
            pass
    written = store.read_large(target)
    there, size = sha256(), 0
    for part in written or ():
        there.update(part)
        size += len(part)
    note = layout.piece(call_sid, "recording", target.rpartition("/")[2].rpartition(".")[0])
    if there.digest() != sound.digest.digest():
        if store.read(note):  # another sweep has just done it, and is deleting the pieces
            return
        log.error("recording_differs", f"{target} differs from its pieces, which are kept", call_sid=call_sid)
        return
    keys = [key for take in takes for key in take.keys.values()]
    done: Document = {
        "key": target,
        "bytes": size,
        "sha256": there.hexdigest(),
        "offset_ms": takes[0].offset_ms,
        "duration_ms": round(sound.frames * 1000 / rate_hz),
        "rate_hz": rate_hz,
        "channels": channels,
        "missing": sound.missing,
        "pieces": keys,
    }
    store.create(note, encode(done))
    log.info("recording_joined", f"joined {len(keys)} pieces into {target}", call_sid=call_sid, bytes=size)
    _delete(keys, store)


def _format(kept: dict[str, dict[int, str]], store: Store) -> tuple[int, int]:
    """Rate of the first readable piece; two channels if any stream has two. 8 kHz and one channel if none is."""
    found = []
    for numbers in kept.values():
        for key in numbers.values():
            stored = store.read(key)
            try:
                found.append(read_head(stored.body[:HEAD_BYTES] if stored else b""))
            except ValueError:
                continue
            break
    if not found:
        return 8000, 1
    return found[0][0], max(channels for _, channels, _ in found)


def _takes(kept: dict[str, dict[int, str]], streams: list[Stream], pieces: Pieces, rate_hz: int) -> list[_Take]:
    told, offsets = told_of(pieces), offsets_ms(streams)
    takes: list[_Take] = []
    began = 0
    for stream_sid in sorted(kept, key=lambda sid: (offsets.get(sid, 0), sid)):
        offset, numbers = offsets.get(stream_sid, 0), kept[stream_sid]
        length = duration_ms(told.get(stream_sid, {}))
        frames = (max(numbers) + 1) * PIECE_SECONDS * rate_hz if length is None else length * rate_hz // 1000
        behind = takes[-1].first + takes[-1].frames if takes else 0
        began = began if takes else offset
        first = min(max(behind, (offset - began) * rate_hz // 1000), behind + _LONGEST_GAP_S * rate_hz)
        takes.append(_Take(stream_sid, numbers, stream_sid in told, offset, first, frames))
    return takes


class _Sound:
    """The file's bytes; can be read repeatedly. `digest`, `missing`: of the last read."""

    def __init__(self, takes: list[_Take], rate_hz: int, channels: int, store: Store, *, as_flac: bool) -> None:
        self._takes = takes
        self._rate_hz = rate_hz
        self._channels = channels
        self._store = store
        self._as_flac = as_flac
        self._size = PIECE_SECONDS * rate_hz
        self.frames = takes[-1].first + takes[-1].frames

    def parts(self) -> Iterator[bytes]:
        self.digest = sha256()
        self.missing: list[Document] = []
        whole = self._flac() if self._as_flac else self._wav()
        for part in whole:
            self.digest.update(part)
            yield part

    def _flac(self) -> Iterator[bytes]:
        return flac.encoded(self._sound(), self._rate_hz, self._channels, self.frames)

    def _wav(self) -> Iterator[bytes]:
        yield head(self._rate_hz, self._channels, self.frames)
        yield from self._sound()
        yield bytes(self.frames * self._channels % 2)

    def _sound(self) -> Iterator[bytes]:
        at = 0
        for take in self._takes:
            yield from self._silence(take.first - at)
            yield from self._take(take)
            at = take.first + take.frames

    def _take(self, take: _Take) -> Iterator[bytes]:
        for start in range(0, -(-take.frames // self._size), _AT_ONCE):
            numbers = range(start, min(start + _AT_ONCE, -(-take.frames // self._size)))
            there = [number for number in numbers if number in take.keys]
            stored = self._store.read_all([take.keys[number] for number in there])
            bodies = {number: found.body for number, found in zip(there, stored, strict=True) if found}
            for number in numbers:
                frames = min(self._size, take.frames - number * self._size)
                sound = self._of_piece(bodies.get(number))
                if sound is not None:
                    yield sound[: frames * self._channels]
                    continue
                yield from self._silence(frames)
                if number in take.keys or not take.told:  # otherwise its relay has reported why
                    begins = take.offset_ms + number * PIECE_SECONDS * 1000
                    why = _DAMAGED if number in take.keys else _LOST
                    self.missing.append({"from_ms": begins, "to_ms": begins + PIECE_SECONDS * 1000, "why": why})

    def _of_piece(self, body: bytes | None) -> bytes | None:
        """A piece without its header, with as many channels as the file has; None if it is not a piece."""
        if body is None:
            return None
        try:
            rate_hz, channels, frames = read_head(body[:HEAD_BYTES])
            if rate_hz != self._rate_hz or frames != self._size or len(body) != HEAD_BYTES + frames * channels:
                raise ValueError("expected the length and rate of the other pieces")
        except ValueError:
            return None
        sound = body[HEAD_BYTES:]
        if channels < self._channels:  # a single channel is the agent's side, which is the right one
            both = bytearray([SILENCE]) * (2 * len(sound))
            both[1::2] = sound
            return bytes(both)
        return sound if channels == self._channels else sound[1::2]

    def _silence(self, frames: int) -> Iterator[bytes]:
        left = frames * self._channels
        while left > 0:
            count = min(left, LARGEST_PIECE)
            yield bytes([SILENCE]) * count
            left -= count


def _delete(keys: Iterable[str], store: Store) -> None:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(store.delete, keys))
