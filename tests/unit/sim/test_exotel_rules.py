import base64
import json

import pytest

from sim.exotel_rules import MAX_PAYLOAD_BYTES, Clear, Mark, Media, Rule, RuleBook, Violation

SID = "6f1d0c2b9a7e4d35b8c1e0f2a3d418bl"


def message(**changes):
    return json.dumps({"event": "media", "stream_sid": SID, "media": {"payload": payload(b"\1\0" * 160)}} | changes)


def payload(data):
    return base64.b64encode(data).decode()


def with_payload(data):
    return message(media={"payload": payload(data)})


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{", Rule.NOT_JSON),
        ("[]", Rule.WRONG_TYPE),
        (message(event="hangup"), Rule.UNKNOWN_EVENT),
        (message(event=7), Rule.UNKNOWN_EVENT),
        (json.dumps({"media": {}}), Rule.MISSING_KEY),
        (json.dumps({"event": "media", "stream_sid": SID}), Rule.MISSING_KEY),
        (message(media={}), Rule.MISSING_KEY),
        (message(media={"payload": 5}), Rule.WRONG_TYPE),
        (message(media={"payload": "a b="}), Rule.BAD_BASE64),
        (message(media={"payload": "AAA"}), Rule.BAD_BASE64),
        (with_payload(bytes(MAX_PAYLOAD_BYTES + 320)), Rule.TOO_LARGE),
        (message(event="mark"), Rule.MARK_WITHOUT_NAME),
        (message(event="mark", mark={"name": ""}), Rule.MARK_WITHOUT_NAME),
        (message(event="mark", mark={"name": 3}), Rule.MARK_WITHOUT_NAME),
    ],
)
def test_messages_that_break_exotels_rules_are_violations(text, rule):
    book = RuleBook(SID)
    found = book.read(1.5, text)
    assert isinstance(found, Violation)
    assert (found.rule, found.at_s) == (rule, 1.5)
    assert book.violations == [found]


@pytest.mark.parametrize("stream_sid", ["another", None])
def test_sound_of_another_stream_is_played_with_a_warning(stream_sid):
    """The real line plays it; bots in the field send such ids. Once the fake dropped the sound and failed the run."""
    book = RuleBook(SID)
    assert isinstance(book.read(1.5, message(stream_sid=stream_sid)), Media)
    (violation,) = book.violations
    assert (violation.rule, violation.is_tolerated) == (Rule.WRONG_STREAM_SID, True)
    book.read(1.5, "{")
    assert not book.violations[-1].is_tolerated


@pytest.mark.parametrize(
    ("size", "rules", "played"),
    [
        (320, [], 320),
        (MAX_PAYLOAD_BYTES, [], MAX_PAYLOAD_BYTES),
        (322, [Rule.NOT_A_MULTIPLE_OF_320], 640),
        (161, [Rule.TOO_SMALL, Rule.ODD_BYTES], 320),
        (0, [Rule.TOO_SMALL], 0),
    ],
)
def test_a_short_tail_is_played_with_the_wait_it_costs(size, rules, played):
    book = RuleBook(SID)
    found = book.read(0.0, with_payload(bytes(size)))
    assert isinstance(found, Media)
    assert found.pcm.size == played // 2
    assert [violation.rule for violation in book.violations] == rules


def test_a_smallest_size_can_be_demanded():
    """The documented minimum is 3,200 bytes although less evidently works (exotel.md 1.8)."""
    book = RuleBook(SID, min_payload_bytes=3200)
    book.read(0.0, with_payload(bytes(1600)))
    book.read(0.0, with_payload(bytes(3200)))
    assert [violation.rule for violation in book.violations] == [Rule.TOO_SMALL]


def test_messages_that_keep_exotels_rules_are_read():
    book = RuleBook(SID)
    assert isinstance(book.read(0.0, message()), Media)
    assert book.read(0.0, message(event="mark", mark={"name": "u1"})) == Mark("u1")
    assert book.read(0.0, message(event="clear")) == Clear()
    assert isinstance(book.read(0.0, message(extra=1, sequence_number="4")), Media)
    assert book.violations == []


def test_the_stream_sid_is_optional_and_may_be_in_camel_case():
    book = RuleBook(SID)
    assert book.read(0.0, '{"event": "clear"}') == Clear()
    assert book.read(0.0, json.dumps({"event": "clear", "streamSid": SID})) == Clear()
    assert not book.violations
    book.read(0.0, '{"event": "clear", "streamSid": "x"}')
    assert book.violations[0].rule is Rule.WRONG_STREAM_SID
