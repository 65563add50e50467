"""The AgentStream codec against the protocol's description: every spelling of every event, and what else may come."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.audio.pcm import LINE_RATES
from relay.line import exotel
from relay.line.exotel import Clear, Connected, Dtmf, Encoder, Malformed, Mark, Media, Start, Stop, Unknown, decode

STREAM = "6f1d0c2b9a7e4d35b8c1e0f2a3d418bl"
CALL = "b7a90e4c51d24f6a93be7c0d8f12197k"

# One real `start`, as it is known from a live call (exotel.md 1.3)
LIVE_START = {
    "event": "start",
    "sequence_number": "1",
    "stream_sid": STREAM,
    "start": {
        "stream_sid": STREAM,
        "call_sid": CALL,
        "account_sid": "acmehealth1",
        "from": "09876500001",
        "to": "08047100002",
        "custom_parameters": {"tenant": "acme", "flow": "book"},
        "media_format": {"encoding": "base64", "sample_rate": "8000", "bit_rate": "128kbps"},
    },
}


def read(message: Any) -> exotel.Event:
    return decode(json.dumps(message).encode())


def start_with(**changes: Any) -> exotel.Event:
    return read({**LIVE_START, "start": {**LIVE_START["start"], **changes}})


def media_with(payload: Any, **more: Any) -> exotel.Event:
    return read({"event": "media", "stream_sid": STREAM, "media": {"payload": payload, **more}})


# --- connected, start ---


@pytest.mark.parametrize("more", [{}, {"protocol": "Call", "version": "1.0.0"}, {"connected": None}])
def test_connected_says_nothing_else(more):
    assert read({"event": "connected", **more}) == Connected()


def test_a_live_start():
    assert read(LIVE_START) == Start(
        call_sid=CALL,
        stream_sid=STREAM,
        account_sid="acmehealth1",
        from_number="09876500001",
        to_number="08047100002",
        rate_hz=8000,
        custom_parameters={"tenant": "acme", "flow": "book"},
    )


def test_a_start_in_camel_case():
    body = {
        "streamSid": STREAM,
        "callSid": CALL,
        "accountSid": "acmehealth1",
        "from": "+919876500001",
        "to": "+918047100002",
        "customParameters": {"tenant": "acme", "flow": "book"},
        "mediaFormat": {"encoding": "audio/x-raw", "sampleRate": 16000, "bitRate": 128},
    }
    assert read({"event": "start", "sequenceNumber": 1, "streamSid": STREAM, "start": body}) == Start(
        CALL, STREAM, "acmehealth1", "+919876500001", "+918047100002", 16000, {"tenant": "acme", "flow": "book"}
    )


def test_the_least_a_start_may_say():
    assert read({"event": "start", "start": {"call_sid": CALL}}) == Start(CALL, stream_sid=CALL)


@pytest.mark.parametrize(
    ("top", "inner"), [({"stream_sid": STREAM}, {}), ({}, {"stream_sid": STREAM}), ({}, {"streamSid": STREAM})]
)
def test_stream_sid_at_either_level(top, inner):
    assert read({"event": "start", **top, "start": {"call_sid": CALL, **inner}}).stream_sid == STREAM


def test_ids_that_came_as_numbers_are_texts():
    started = read(
        {"event": "start", "stream_sid": 77, "start": {"call_sid": 12, "account_sid": 3, "from": 9876500001}}
    )
    assert (started.stream_sid, started.call_sid, started.account_sid) == ("77", "12", "3")
    assert started.from_number == "9876500001"


@pytest.mark.parametrize(
    ("rate", "hz"),
    [
        ("8000", 8000),
        (8000, 8000),
        (8000.0, 8000),
        ("8000Hz", 8000),
        ("16000 Hz", 16000),
        (" 24000", 24000),
        ("24000", 24000),
        ("16000" + " Hz of sound".ljust(14), 16000),
    ],
)
def test_the_rate_in_every_spelling(rate, hz):
    assert start_with(media_format={"encoding": "raw", "sample_rate": rate}).rate_hz == hz


@pytest.mark.parametrize("media_format", [None, {}, {"sample_rate": None}, {"encoding": "base64"}, {"sample_rate": ""}])
def test_without_a_rate_the_line_is_at_8_khz(media_format):
    """8000 unless `?sample-rate=` was set (exotel.md 1.7)."""
    assert start_with(media_format=media_format).rate_hz == 8000


@pytest.mark.parametrize(
    "rate", ["fast", True, [], {}, "-8000", "8" * 100, "16000" + " Hz of sound".ljust(15), 1e300, 11025, -1]
)
def test_a_rate_we_cannot_carry_is_not_taken_for_one_that_we_can(rate):
    """An unknown format sends the call to its fallback with a clear log line (design D3), so the call must begin.

    The codec once called such a start malformed. The call then never began: the caller heard ten seconds of nothing,
    no event was sent, and nobody could tell from the record what was wrong.
    """
    started = start_with(media_format={"sample_rate": rate})
    assert isinstance(started, Start)
    assert started.call_sid == CALL
    assert started.rate_hz not in LINE_RATES


@pytest.mark.parametrize("size", [129, 120_000])
@pytest.mark.parametrize("key", ["call_sid", "stream_sid"])
def test_an_id_that_can_be_no_key_starts_no_call(key, size):
    """Ids of 120 kB once wrote 720 kB of log: every line of a call carries them."""
    message = {**LIVE_START, **({key: "x" * size} if key == "stream_sid" else {})}
    message["start"] = {**LIVE_START["start"], key: "x" * size}
    assert read(message) == Malformed("start: expected ids of 128 characters at most")


def test_custom_parameters_have_a_limit_and_what_is_left_out_is_counted():
    """The applet takes three; anybody who opens the socket can write any number, and each goes to the agent."""
    many = {"long": "x" * 1025, "k" * 1025: "v"} | {f"key{n}": "v" for n in range(40)}
    started = start_with(custom_parameters={"tenant": "acme", **many})
    assert started.custom_parameters["tenant"] == "acme"
    assert started.custom_parameters["long"] == "x" * 1024
    assert len(started.custom_parameters) == 31
    assert started.parameters_dropped == 13


def test_long_numbers_are_cut():
    assert len(start_with(**{"from": "9" * 5000}).from_number) == 128


@pytest.mark.parametrize(
    ("word", "encoding"),
    [
        ("mulaw", exotel.LineEncoding.ULAW),
        ("MuLaw", exotel.LineEncoding.ULAW),
        ("ulaw", exotel.LineEncoding.ULAW),
        ("audio/x-mulaw", exotel.LineEncoding.ULAW),
        ("audio/x-mulaw;rate=8000", exotel.LineEncoding.ULAW),
        ("Audio/PCMU; rate=8000", exotel.LineEncoding.ULAW),
        ("PCMU", exotel.LineEncoding.ULAW),
        ("audio/basic", exotel.LineEncoding.ULAW),
        ("alaw", exotel.LineEncoding.ALAW),
        ("audio/PCMA", exotel.LineEncoding.ALAW),
        ("audio/x-alaw;rate=8000", exotel.LineEncoding.ALAW),
        ("base64", exotel.LineEncoding.PCM),
        ("raw", exotel.LineEncoding.PCM),
        ("audio/x-raw", exotel.LineEncoding.PCM),
        ("audio/L16;rate=16000", exotel.LineEncoding.PCM),
        ("opus", exotel.LineEncoding.PCM),
        ("", exotel.LineEncoding.PCM),
        (None, exotel.LineEncoding.PCM),
        (5, exotel.LineEncoding.PCM),
    ],
)
def test_the_encoding_is_what_start_says(word, encoding):
    """Streams of ExoML and of the Legs API default to mu-law: it was once played as PCM, as loud noise."""
    assert start_with(media_format={"encoding": word, "sample_rate": "8000"}).encoding is encoding


@pytest.mark.parametrize(
    ("media_format", "hz"),
    [
        ({"encoding": "audio/x-mulaw;rate=8000"}, 8000),
        ({"encoding": "audio/L16; rate=16000"}, 16000),
        ({"encoding": "audio/L16;rate=16000", "sample_rate": "24000"}, 24000),
        ({"content_type": "audio/L16;rate=16000"}, 16000),
    ],
)
def test_the_rate_may_stand_in_the_media_type(media_format, hz):
    """`sample_rate` is the authority where both are given."""
    assert start_with(media_format=media_format).rate_hz == hz


def test_ids_and_numbers_beside_start_begin_the_call():
    top = {"call_sid": CALL, "account_sid": "acmehealth1", "from": "09876500001", "to": "08047100002"}
    flat = read({"event": "start", "stream_sid": STREAM, **top, "start": {"media_format": {"sample_rate": "16000"}}})
    assert flat == Start(CALL, STREAM, "acmehealth1", "09876500001", "08047100002", 16000)
    assert read({"event": "start", "callSid": CALL}).call_sid == CALL
    assert read({"event": "start", "call_sid": "outer", "start": {"call_sid": CALL}}).call_sid == CALL


@pytest.mark.parametrize("parameters", [None, [], "tenant=acme", 5])
def test_custom_parameters_that_are_not_an_object_are_ignored(parameters):
    assert start_with(custom_parameters=parameters).custom_parameters == {}


def test_custom_parameters_are_texts():
    assert start_with(custom_parameters={"retries": 2, "flow": "book", "none": None}).custom_parameters == {
        "retries": "2",
        "flow": "book",
        "none": "",
    }


@pytest.mark.parametrize("body", [None, {}, [], "start", {"call_sid": ""}, {"call_sid": None}, {"call_sid": ["x"]}])
def test_a_start_without_a_call_is_malformed(body):
    assert read({"event": "start", "stream_sid": STREAM, "start": body}) == Malformed(
        "start: expected a string under 'start.call_sid'"
    )


@pytest.mark.parametrize("number", ["", "anonymous", "sip:x@example.com", None])
def test_a_caller_without_a_number(number):
    """Withheld and VoIP callers exist; their number is never a required key (exotel.md 6)."""
    assert start_with(**{"from": number}).from_number == (number or "")


# --- media ---


@pytest.mark.parametrize("timestamp", ["200", 200, 200.0, "200ms", " 200"])
@pytest.mark.parametrize("chunk", ["11", 11, None])
def test_media_in_every_spelling(timestamp, chunk):
    message = {
        "event": "media",
        "sequence_number": "12",
        "stream_sid": STREAM,
        "media": {"chunk": chunk, "timestamp": timestamp, "payload": "AAD//wIA", "track": "inbound"},
    }
    assert read(message) == Media(b"\x00\x00\xff\xff\x02\x00", 200, None if chunk is None else 11)


@pytest.mark.parametrize("timestamp", [None, "soon", [], {}, True])
def test_media_without_a_usable_time_is_still_sound(timestamp):
    assert media_with("AAD//wIA", timestamp=timestamp) == Media(b"\x00\x00\xff\xff\x02\x00", None)
    assert media_with("AAD//wIA") == Media(b"\x00\x00\xff\xff\x02\x00", None)


@given(st.binary(max_size=2000).map(lambda data: data[: len(data) // 2 * 2]))
def test_media_carries_any_even_number_of_bytes(pcm):
    """20 ms is the rule, but only an even number of bytes may be relied on (exotel.md 1.4)."""
    assert media_with(base64.b64encode(pcm).decode()) == Media(pcm)


def test_half_a_sample_is_malformed():
    assert media_with(base64.b64encode(b"abc").decode()) == Malformed(
        "media: expected whole 16-bit samples, got 3 bytes"
    )


@pytest.mark.parametrize(
    "payload", ["AAD/w", "AA=A", "====", "not base64!", "AAD//wIA\n", "ąę", None, 5, True, [], {}, ["AAAA"], " "]
)
def test_a_payload_that_is_not_base64_is_malformed(payload):
    assert media_with(payload) == Malformed("media: expected base64 under 'media.payload'")


@pytest.mark.parametrize("media", [None, [], "AAAA", 7, {}, True])
def test_media_without_a_payload_is_malformed(media):
    assert isinstance(read({"event": "media", "media": media}), Malformed)
    assert isinstance(read({"event": "media"}), Malformed)


# --- dtmf, mark, clear, stop ---


@pytest.mark.parametrize("digit", list("0123456789*#"))
def test_keys_nested_and_at_the_top(digit):
    """The base documents nest the digit, the extension page does not; both are accepted (exotel.md 1.5)."""
    assert read({"event": "dtmf", "dtmf": {"digit": digit, "duration": "200"}}) == Dtmf(digit)
    assert read({"event": "dtmf", "digit": digit, "duration": 200}) == Dtmf(digit)


@pytest.mark.parametrize("digit", range(10))
def test_keys_as_numbers(digit):
    assert read({"event": "dtmf", "dtmf": {"digit": digit}}) == Dtmf(str(digit))


@pytest.mark.parametrize("body", [{}, {"dtmf": {}}, {"dtmf": {"digit": None}}, {"dtmf": {"digit": [1]}}, {"digit": ""}])
def test_a_key_that_is_not_named_is_malformed(body):
    assert read({"event": "dtmf", **body}) == Malformed("dtmf: expected a key under 'dtmf.digit'")


@pytest.mark.parametrize(("name", "text"), [("a1u3", "a1u3"), (7, "7"), ("ü\"'\\", "ü\"'\\")])
def test_an_echoed_mark(name, text):
    assert read({"event": "mark", "sequence_number": "77", "mark": {"name": name}}) == Mark(text)


@pytest.mark.parametrize("mark", [None, {}, {"name": ""}, {"name": None}, "a1u3", {"name": {}}])
def test_a_mark_without_a_name_is_malformed(mark):
    assert read({"event": "mark", "mark": mark}) == Malformed("mark: expected a string under 'mark.name'")


def test_clear_is_tolerated():
    assert read({"event": "clear", "stream_sid": STREAM}) == Clear()
    assert read({"event": "clear", "clear": {"reason": "reset"}}) == Clear()


@pytest.mark.parametrize("reason", ["stopped", "callended", "canceled or call ended", "caller_hangup", ""])
def test_stop_with_any_reason(reason):
    stop = {"call_sid": CALL, "account_sid": "acmehealth1", "reason": reason}
    assert read({"event": "stop", "stop": stop}) == Stop(reason, CALL)
    assert read({"event": "stop", "stop": {"callSid": CALL, "reason": reason}}) == Stop(reason, CALL)


@pytest.mark.parametrize("body", [{}, {"stop": None}, {"stop": {}}, {"stop": "stopped"}, {"stop": {"reason": None}}])
def test_stop_ends_the_stream_whatever_it_carries(body):
    assert read({"event": "stop", **body}) == Stop()


# --- what else may come ---


@pytest.mark.parametrize("event", ["silence", "", "START", "hangup", "Media"])
def test_an_unknown_event_is_named_and_nothing_worse(event):
    assert read({"event": event, "start": {"call_sid": CALL}}) == Unknown(event)


def test_the_name_of_an_unknown_event_is_cut():
    assert read({"event": "x" * 1000}) == Unknown("x" * 40)


@pytest.mark.parametrize("event", [None, 5, True, [], {}, ["media"]])
def test_a_non_text_event_is_malformed(event):
    assert read({"event": event}) == Malformed("expected a string under 'event'")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"nonsense",
        b"[]",
        b'"media"',
        b"5",
        b"null",
        b"true",
        b'{"event":"media",}',
        b'{"event":"stop"}{"event":"stop"}',
        b"{'event':'stop'}",
        b'{"event":NaN}',
        b'{"event":Infinity}',
        b'{"event":1e999}',
        b'{"event":' + b"9" * 5000 + b"}",
        b'{"event":"\xff\xfe"}',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"event":"\\ud800"}',
        b"\x00" * 100,
        b"[" * 100_000,
        b'{"event":' * 50_000,
    ],
    ids=lambda text: repr(text[:24]),
)
def test_what_is_not_json_is_malformed(text):
    event = decode(text)
    assert isinstance(event, Malformed)
    assert event.problem.startswith("expected a JSON object") or "'event'" in event.problem


def test_the_problem_does_not_repeat_what_the_caller_said():
    """The first malformed message of a call is logged, and its content may be a person's."""
    event = decode(b'{"event":"media","media":{"payload":"my PIN is 4711"}}')
    assert "4711" not in event.problem
    assert "4711" not in decode(b'{"event":"dtmf","digit":4711').problem


def test_a_deep_message_that_is_whole():
    assert isinstance(decode(b'{"event":"mark","mark":' + b"[" * 5000 + b"]" * 5000 + b"}"), Malformed)


@pytest.mark.parametrize("number", [10**30, -(10**30), 2**63, 2**64, 1e300, -0.0])
def test_a_huge_time_does_not_cost_the_sound(number):
    """It is no time: such a one once ended the call, when the look at the line's first second computed with it."""
    media = media_with("AAAAAAAA", timestamp=number)
    assert media.pcm == bytes(6)
    assert media.timestamp_ms in (None, 0)


@pytest.mark.parametrize("law", [exotel.LineEncoding.ULAW, exotel.LineEncoding.ALAW])
def test_g711_is_decoded_and_encoded_a_byte_a_sample(law):
    """What one side's encoder writes the other's decoder reads, and the time in a message is that of the sound."""
    encoder = Encoder(STREAM, 8000, law)
    pcm = np.arange(-16000, 16000, 40, dtype="<i2")[:800].tobytes()
    encoder.media(pcm)
    message = encoder.media(pcm)
    body = sent(message)["media"]
    assert len(base64.b64decode(body["payload"])) == 800
    assert body["timestamp"] == "100"
    decoded = np.frombuffer(decode(message, law).pcm, "<i2").astype(int)
    assert np.abs(decoded - np.frombuffer(pcm, "<i2")).max() < 600
    assert decode(encoder.media(decoded.astype("<i2").tobytes()), law).pcm == decoded.astype("<i2").tobytes()


def test_an_odd_number_of_g711_bytes_is_whole():
    assert decode(b'{"event":"media","media":{"payload":"////"}}', exotel.LineEncoding.ULAW) == Media(bytes(6))


@given(st.binary(max_size=300))
@example(b'{"event":"media","media":{"payload":"\\u0000"}}')
def test_no_bytes_make_the_codec_raise(text):
    assert isinstance(decode(text), Malformed | Unknown | Connected | Clear | Stop)


ANY_SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
ANY_JSON = st.recursive(
    ANY_SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        "stream_sid",
        "call_sid",
        "callSid",
        "from",
        "media_format",
        "sample_rate",
        "custom_parameters",
        "payload",
        "timestamp",
    ]
    + ["digit", "name", "reason", "chunk"]
)
ANY_BODY = st.dictionaries(KEYS, ANY_JSON | st.dictionaries(KEYS, ANY_JSON, max_size=3), max_size=6)
EVENTS = st.sampled_from(["connected", "start", "media", "dtmf", "mark", "clear", "stop", "silence"])


@given(ANY_JSON)
def test_no_json_makes_the_codec_raise(message):
    decode(json.dumps(message).encode())


@given(EVENTS, ANY_BODY | ANY_JSON, ANY_BODY)
def test_no_event_makes_the_codec_raise_or_breaks_its_promises(event, body, beside):
    decoded = read({**beside, "event": event, event: body})
    match decoded:
        case Start():
            texts = [decoded.call_sid, decoded.stream_sid, decoded.account_sid, decoded.from_number, decoded.to_number]
            assert all(type(text) is str for text in texts)
            assert decoded.call_sid
            assert decoded.stream_sid
            assert type(decoded.rate_hz) is int
            assert all(type(value) is str for value in decoded.custom_parameters.values())
            assert json.loads(Encoder(decoded.stream_sid, 8000).clear())["stream_sid"] == decoded.stream_sid
        case Media(pcm, timestamp_ms, chunk):
            assert len(pcm) % 2 == 0
            assert timestamp_ms is None or type(timestamp_ms) is int
            assert chunk is None or type(chunk) is int
        case Dtmf(text) | Mark(text):
            assert type(text) is str
            assert text
        case Unknown(name):
            assert name == "silence"


# --- outbound ---


def sent(message: bytes) -> dict[str, Any]:
    return json.loads(message.decode("utf-8"))


def test_a_media_message_carries_the_superset():
    """Everything Exotel's own samples send, with numbers as strings and the id in snake_case (exotel.md 1.6)."""
    encoder = Encoder(STREAM, 8000)
    encoder.media(bytes(1600))
    pcm = bytes(range(64)) * 25
    assert sent(encoder.media(pcm)) == {
        "event": "media",
        "sequence_number": "2",
        "stream_sid": STREAM,
        "media": {"chunk": "2", "timestamp": "100", "payload": base64.b64encode(pcm).decode()},
    }


def test_a_mark_and_a_clear():
    encoder = Encoder(STREAM, 8000)
    mark = sent(encoder.mark("u3-end"))
    assert (mark["event"], mark["stream_sid"], mark["mark"]) == ("mark", STREAM, {"name": "u3-end"})
    clear = sent(encoder.clear())
    assert (clear["event"], clear["stream_sid"]) == ("clear", STREAM)


@given(
    st.sampled_from(sorted(LINE_RATES)),
    st.lists(st.integers(1, 12).map(lambda units: units * exotel.FRAME_UNIT) | st.just("mark"), max_size=20),
)
def test_numbers_of_a_stream_only_ever_rise_and_time_is_that_of_the_sound(rate_hz, messages):
    encoder = Encoder(STREAM, rate_hz)
    sequences, chunks, sound = [], [], 0
    for message in messages:
        if message == "mark":
            sequences.append(int(sent(encoder.mark("m"))["sequence_number"]))
            continue
        text = sent(encoder.media(bytes(message)))
        sequences.append(int(text["sequence_number"]))
        chunks.append(int(text["media"]["chunk"]))
        assert int(text["media"]["timestamp"]) == sound * 1000 // (2 * rate_hz)
        assert len(base64.b64decode(text["media"]["payload"], validate=True)) == message
        sound += message
    assert sequences == list(range(1, len(messages) + 1))
    assert chunks == list(range(1, len(chunks) + 1))


@given(st.binary(min_size=1, max_size=50).map(lambda data: (data * exotel.FRAME_UNIT)[: exotel.FRAME_UNIT]))
def test_what_we_encode_we_can_decode(pcm):
    assert decode(Encoder(STREAM, 8000).media(pcm)) == Media(pcm, 0, 1)


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
@example('a"b\\c', "line\nbreak")
@example("नमस्ते 🎧", "\x00\x1f")
@example("%d %b %s", "%(name)s")
def test_ids_and_names_are_escaped(stream_sid, name):
    encoder = Encoder(stream_sid, 16000)
    for message in (encoder.media(bytes(320)), encoder.mark(name), encoder.clear()):
        assert sent(message)["stream_sid"] == stream_sid
    assert sent(encoder.mark(name))["mark"]["name"] == name


def test_the_limits_of_the_protocol():
    assert exotel.MAX_PAYLOAD % exotel.FRAME_UNIT == 0
    assert 99_840 == exotel.MAX_PAYLOAD < 100_000 < exotel.MAX_PAYLOAD + exotel.FRAME_UNIT
    assert exotel.MAX_MESSAGE >= 256 * 1024
    largest = Encoder(STREAM, 8000).media(bytes(exotel.MAX_PAYLOAD))
    assert len(largest) < exotel.MAX_MESSAGE
