"""Each vendor's codec against its corpus of messages, and against whatever else may come."""

import binascii
import importlib
import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.agents import HOSTED
from relay.agents.reading import sound_of
from relay.agents.seam import UNREADABLE
from sim.vendors.registry import corpus_of

VENDORS = tuple(HOSTED)


def corpus(vendor):
    return json.loads(corpus_of(vendor, HOSTED[vendor].codec).read_text(encoding="utf-8"))


def codec(vendor):
    return importlib.import_module(f"relay.agents.{HOSTED[vendor].codec or vendor}.codec").decode


@pytest.mark.parametrize(
    ("vendor", "case"),
    [pytest.param(vendor, case, id=f"{vendor}: {case['about']}") for vendor in VENDORS for case in corpus(vendor)],
)
def test_message(vendor, case):
    found = [repr(event) for event in codec(vendor)(case["message"].encode())]
    assert len(found) == len(case["expect"])
    for event, expected in zip(found, case["expect"], strict=True):
        # what is wrong with a malformed message is for a person to read: libraries word it as they like
        assert event.startswith(expected) if expected.startswith("Notice(kind='malformed'") else event == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("vendor", VENDORS)
@given(data=st.data())
def test_no_message_raises(vendor, data):
    """Any bytes, any JSON, and real messages of which a part was replaced by any JSON."""
    decode = codec(vendor)
    decode(data.draw(st.binary(max_size=60)))
    decode(json.dumps(data.draw(JSON)).encode())
    message = json.loads(
        data.draw(st.sampled_from([case["message"] for case in corpus(vendor) if case["expect"]][:12]))
    )
    target = message
    while True:
        key = data.draw(st.sampled_from(sorted(target)))
        if isinstance(target[key], dict) and target[key] and data.draw(st.booleans()):
            target = target[key]
        else:
            target[key] = data.draw(JSON)
            break
    decode(json.dumps(message).encode())


@given(
    st.text(max_size=12)
    | st.text(alphabet="QUJD+/=\n -_", max_size=24)
    | st.binary().map(lambda data: b64encode(data).decode())
)
def test_sound_is_read_as_binascii_reads_it(text):
    """Which is slower, and forgives line breaks and what is no base64."""
    try:
        expected = binascii.a2b_base64(text)
    except ValueError:
        with pytest.raises(UNREADABLE):
            sound_of(text)
    else:
        assert sound_of(text) == expected
