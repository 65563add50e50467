import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.proof import prove, proves
from common.signature import sign

SECRET, NEXT = "a-secret-of-sixteen", "another-secret-of-16"


@given(st.text(min_size=1), st.text())
def test_a_proof_is_for_its_call(call_sid, stream_sid):
    proof = prove(call_sid, stream_sid, SECRET)
    assert proves(proof, call_sid, (SECRET,))
    assert not proves(proof, call_sid + "x", (SECRET,))
    assert not proves(proof, call_sid, (NEXT,))


def test_while_the_secret_is_rotated_both_count():
    proof = prove("call", "stream", SECRET)
    assert proves(proof, "call", (NEXT, SECRET))
    assert not proves(proof, "call", ())


@pytest.mark.parametrize(
    "value",
    [
        *("", ":", "stream", "stream:", ":" + "0" * 64, "stream:\ud83d"),
        pytest.param(sign(b"call\nstream", SECRET), id="a signature of now"),
    ],
)
def test_malformed_proofs_are_refused(value):
    assert not proves(value, "call", (SECRET,))


def test_a_proof_of_another_stream_is_refused():
    digest = prove("call", "stream", SECRET).rpartition(":")[2]
    assert not proves(f"other:{digest}", "call", (SECRET,))


@given(st.text())
def test_nothing_raises(value):
    assert not proves(value, "call", (SECRET,))
