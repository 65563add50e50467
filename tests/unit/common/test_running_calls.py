"""A running call's document, with reports in further lines."""

from common.documents import encode, pretty
from common.live import so_far

BEGUN = {"number": 0, "call_sid": "c", "at": "10:00", "state": {}, "turns": [], "tools": [], "commands": []}


def report(number, *words, after=0):
    turns = [{"index": place, "text": text} for place, text in words]
    return {**BEGUN, "number": number, "after": after, "at": f"10:{number:02}", "turns": turns}


def lines(*documents):
    return so_far(b"\n".join(map(encode, documents)))


def test_a_document_alone_is_what_it_says_written_for_machines_or_for_people():
    told = report(3, (0, "Hello {\n{"))
    assert so_far(encode(told)) == so_far(pretty(told)) == told


def test_reports_add_to_it_line_by_line():
    told = lines(BEGUN, report(1, (0, "Hello")), report(2, (1, "Ye"), after=1), report(3, (1, "Yes"), after=2))
    assert told == {**BEGUN, "number": 3, "at": "10:03", "turns": report(0, (0, "Hello"), (1, "Yes"))["turns"]}


def test_one_that_builds_on_what_is_missing_changes_nothing():
    first = report(1, (0, "Hello"))
    assert lines(BEGUN, first, report(3, (1, "Yes"), after=2)) == lines(BEGUN, first)


def test_what_can_t_be_read_is_empty():
    assert [so_far(body) for body in (b"", b"\xff", b"[]", b'{"number": 1', b'\n{"number')] == [{}] * 5
