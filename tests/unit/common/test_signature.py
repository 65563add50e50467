import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.signature import Verdict, sign, verify

NOW = 1_795_428_000
SECRETS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


@given(st.binary(max_size=400), SECRETS, st.integers(-300, 1800))
def test_what_was_signed_verifies_within_the_window(body, secret, age):
    assert verify(body, sign(body, secret, NOW - age), [secret], now=NOW) is Verdict.VALID


@given(st.binary(max_size=100), st.binary(max_size=100), SECRETS)
def test_another_body_does_not_verify(body, other, secret):
    if body != other:
        assert verify(other, sign(body, secret, NOW), [secret], now=NOW) is Verdict.MISMATCH


@given(st.text(max_size=80))
def test_no_signature_header_makes_verify_raise(header):
    assert verify(b"body", header, ["secret"], now=NOW) is not Verdict.VALID


@given(st.text(alphabet="tv0=,123456789abcdef ", max_size=60))
def test_a_header_that_looks_like_a_signature_does_not_verify(header):
    assert verify(b"body", header, ["secret"], now=NOW) is not Verdict.VALID


@pytest.mark.parametrize(
    ("header", "verdict"),
    [
        (None, Verdict.MISSING),
        ("", Verdict.MISSING),
        ("t=1", Verdict.MALFORMED),
        ("v0=abc", Verdict.MALFORMED),
        ("t=soon,v0=abc", Verdict.MALFORMED),
        ("t=٣,v0=abc", Verdict.MALFORMED),
        (f"t={NOW},v0=abc", Verdict.MISMATCH),
    ],
)
def test_why_it_is_refused(header, verdict):
    assert verify(b"body", header, ["secret"], now=NOW) is verdict


def test_the_window_has_two_sides():
    assert verify(b"b", sign(b"b", "s", NOW - 1801), ["s"], now=NOW) is Verdict.TOO_OLD
    assert verify(b"b", sign(b"b", "s", NOW + 301), ["s"], now=NOW) is Verdict.IN_THE_FUTURE
    assert verify(b"b", sign(b"b", "s", NOW - 90), ["s"], now=NOW, max_age_s=60) is Verdict.TOO_OLD


def test_two_secrets_are_good_while_one_is_rotated():
    assert verify(b"b", sign(b"b", "old", NOW), ["new", "old"], now=NOW) is Verdict.VALID
    assert verify(b"b", sign(b"b", "old", NOW), ["new"], now=NOW) is Verdict.MISMATCH
    assert verify(b"b", sign(b"b", "", NOW), [], now=NOW) is Verdict.MISMATCH


def test_spaces_upper_case_and_several_digests_are_tolerated():
    stamp, digest = sign(b"b", "s", NOW).split(",")
    assert verify(b"b", f" {stamp} , v0=00ff , {digest.upper().replace('V0', 'v0')} ", ["s"], now=NOW) is Verdict.VALID


def test_it_is_the_vendors_scheme():
    """HMAC-SHA256 of `t.body`, keyed with the whole secret, prefix included (elevenlabs.md A5.5)."""
    import hashlib
    import hmac

    expected = hmac.new(b"wsec_abc", b"1795428000.{}", hashlib.sha256).hexdigest()
    assert sign(b"{}", "wsec_abc", 1_795_428_000.9) == f"t=1795428000,v0={expected}"
