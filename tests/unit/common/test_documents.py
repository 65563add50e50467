import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import documents

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON))
def test_a_document_survives(document):
    assert documents.decode(documents.encode(document)) == document
    assert documents.decode(documents.pretty(document)) == document


@given(st.binary())
def test_junk_is_a_value_error(body):
    with suppress(ValueError):
        assert isinstance(documents.decode(body), dict)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{", b'{"a":1}{', b'{"a":nan}', b"\xff", b"[" * 100_000, b'{"a":' * 50_000]
)
def test_what_is_refused(body):
    with pytest.raises(ValueError, match=r"not JSON|expected a JSON object"):
        documents.decode(body)
    assert documents.readable(body) == {}


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (rb'{"a":"cut \ud83d"}', "cut \ufffd"),
        (rb'{"a":"\ude00\ud83d"}', "\ufffd\ufffd"),
        (rb'{"a":"\ud83d\ude00 \ud83d"}', "\U0001f600 \ufffd"),
        (b'{"a":"cut \xf0\x9f"}', "cut \ufffd"),
        (b'{"a":"two\nlines"}', "two\nlines"),
        (b'\xef\xbb\xbf{"a":1}', 1),
        (b'{"a":NaN}', None),
        (b'{"a":-Infinity}', None),
        (b'{"a":1e999}', None),
        (b'{"a":' + b"9" * 5000 + b"}", None),
    ],
)
def test_what_strict_readers_refuse_is_read(body, value):
    """A vendor cut a transcript in the middle of an emoji, and the whole call counted as unreadable."""
    document = documents.decode(body)
    assert document == {"a": value}
    assert documents.decode(documents.encode(document)) == document


@given(JSON, st.lists(st.text(), max_size=3))
def test_reading_never_raises(value, path):
    assert isinstance(documents.text(value, *path), str)
    assert isinstance(documents.mapping(value, *path), dict)
    assert isinstance(documents.objects(value, *path), list)
    number = documents.number(value, *path)
    assert number is None or number == number


def test_numbers_may_be_strings_and_strings_numbers():
    """The vendor's table says `event_timestamp` is a string, its samples are numbers (elevenlabs.md A5.1)."""
    assert documents.number({"a": {"b": " 12.5 "}}, "a", "b") == 12.5
    assert documents.text({"a": 7}, "a") == "7"
    assert documents.text({"a": True}, "a") == ""
    assert documents.number({"a": "nan"}, "a") is None
    assert documents.number(json.loads('{"a": 1e999}'), "a") is None
    assert documents.number({"a": 1e300}, "a") is None
