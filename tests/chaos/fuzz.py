"""`python -m tests.chaos.fuzz [INPUTS]`: ten million mutated messages for all that reads what comes from outside.

Codecs never raise (design D1): whatever the bytes, an event, a notice or nothing comes back. What does raise is
printed as a line for SEEDS in test_fuzz.py, so that `make test` keeps it from coming back. The same seed, the same run.
"""

import importlib
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from common.documents import decode as decode_document
from common.phone import mask_within, to_e164
from common.signature import Verdict, verify
from common.times import to_unix
from functions.common.http import request
from relay.agents import HOSTED
from relay.line import exotel
from sim.vendors.registry import corpus_of

INPUTS = 10_000_000
STRANGE = [
    *("1e999", "-1e999", "1e-999", "9" * 30, "-0", "0.1", "true", "null", "[]", "{}", '""', "[[]]", '{"a":{}}'),
    *('"\\ud800"', '"\\u0000"', '"' + "9" * 5000 + '"', '"1e999"', '"NaN"', '"\u0663"', '"=="', '"AAA"', '"/w=="'),
    *("[1,2]", '[{"type":1}]', "-1", "4294967296", "1.5", '"2026-13-45T99:99:99Z"', '"inf"'),
]


def _text(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _messages(vendor: str) -> list[bytes]:
    """Real messages of a vendor's; those that can't be read are made here by the thousand."""
    cases = json.loads(corpus_of(vendor, HOSTED[vendor].codec).read_text(encoding="utf-8"))
    return [case["message"].encode() for case in cases if "malformed" not in str(case["expect"])]


CORPUS: dict[str, list[bytes]] = {
    **{vendor: _messages(vendor) for vendor in HOSTED},
    "exotel": [
        _text({"event": "connected"}),
        _text(
            {
                "event": "start",
                "sequence_number": "1",
                "stream_sid": "s",
                "start": {
                    "call_sid": "c",
                    "from": "0987",
                    "to": "080",
                    "media_format": {"encoding": "base64", "sample_rate": "8000Hz", "bit_rate": "128kbps"},
                    "custom_parameters": {"agent_id": "a", "x": 1},
                },
            }
        ),
        _text({"event": "media", "media": {"chunk": 1, "timestamp": "20", "payload": "AAAAAA=="}}),
        _text({"event": "dtmf", "dtmf": {"digit": "5", "duration": "200"}}),
        _text({"event": "mark", "mark": {"name": "a1u1"}}),
        _text({"event": "stop", "stop": {"reason": "callended", "call_sid": "c"}}),
        _text({"event": "clear"}),
    ],
    "document": [_text({"type": "x", "data": {"a": [1, 2.5, None]}})],
    "signature": [b"t=1795428000,v0=" + b"ab" * 32, b" t=1 , v0=00 , v0=11 "],
    "number": [b"+919876500001", b"0 98765-00001", b"(080) 4710 0002", b"1800 123 456"],
    "time": [b"2026-11-23T10:00:00.000Z", b"2026-11-23 15:30:00", b"2026-11-23T15:30:00+05:30"],
    "form": [b"CallSid=c&Stream%5BStatus%5D=completed&DialCallStatus=busy", b'{"CallSid":"c","Stream":{"Status":"x"}}'],
}


def _form(data: bytes) -> None:
    for kind in ("", "application/json", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"):
        request("POST", "/exotel/passthru", data.decode("latin-1"), {"Content-Type": kind}, data).parameters()


def _signature(data: bytes) -> None:
    assert verify(b"body", data.decode(errors="surrogateescape"), ["secret"]) is not Verdict.VALID


def _document(data: bytes) -> None:
    with suppress(ValueError):  # the one thing it may raise
        decode_document(data)


def _number(data: bytes) -> None:
    number = to_e164(data.decode(errors="replace"))
    assert number is None or number.startswith("+")
    mask_within(data.decode(errors="replace"))


READERS: dict[str, Callable[[bytes], object]] = {
    **{
        vendor: importlib.import_module(f"relay.agents.{one.codec or vendor}.codec").decode
        for vendor, one in HOSTED.items()
    },
    "exotel": exotel.decode,
    "document": _document,
    "signature": _signature,
    "number": _number,
    "time": lambda data: to_unix(data.decode(errors="replace")),
    "form": _form,
}


def mutated(rng: random.Random, seeds: list[bytes]) -> Iterator[bytes]:
    """Endless: values put where others belong, bytes changed, cut, repeated, messages put into one another."""
    strange = [item.encode() for item in STRANGE]
    choice, below = rng.choice, rng.randrange
    while True:
        data = choice(seeds)
        for _ in range(below(1, 4)):
            kind, at = below(8), below(len(data) + 1)
            if kind < 3:  # a value that is not expected
                begin = data.find(b":", at) + 1
                end = min((n for n in (data.find(b",", begin), data.find(b"}", begin)) if n >= 0), default=len(data))
                data = data[:begin] + choice(strange) + data[end:]
            elif kind == 3:
                data = data[:at] + bytes([below(256)]) + data[at + 1 :]
            elif kind == 4:
                data = data[:at]
            elif kind == 5:
                data = data[:at] + data[at // 2 :]
            elif kind == 6:
                data = data[:at] + choice(seeds) + data[at:]
            else:
                data = data[:at] + choice(strange) + data[at:]
        yield data


def fuzz(inputs: int, seed: int = 7) -> dict[str, dict[str, bytes]]:
    """What raised: reader → kind of error → the first input that did it."""
    found: dict[str, dict[str, bytes]] = {}
    # most for the two codecs that see every frame of every call, little for what takes long
    weights = {**dict.fromkeys(READERS, 0.042), "exotel": 0.35, "elevenlabs": 0.35, "form": 0.006}
    for name, read in READERS.items():
        source = mutated(random.Random(f"{seed}{name}"), CORPUS[name])
        for _ in range(round(inputs * weights[name])):
            data = next(source)
            try:
                read(data)
            except Exception as error:  # noqa: BLE001 - that is the question
                found.setdefault(name, {}).setdefault(f"{type(error).__name__}: {error}"[:60], data)
    return found


def main() -> int:
    """Exit status 1 when anything raised."""
    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else INPUTS
    began = time.monotonic()
    found = fuzz(inputs, int(sys.argv[2]) if len(sys.argv) > 2 else 7)
    for name, errors in found.items():
        for error, data in errors.items():
            print(f"    ({name!r}, {data!r}),  # {error}")
    print(f"{inputs:,} inputs in {time.monotonic() - began:.0f} s, {sum(map(len, found.values()))} kinds of errors")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
