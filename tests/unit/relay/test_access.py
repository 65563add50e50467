"""Who may open a media socket: by token, by Basic auth, by nothing at all, and with which tricks not."""

import base64
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import credentials
from common.credentials import BasicAuth, bearer_matches
from relay.access import Admission, Gate, Refusal
from relay.agents.roster import AgentSpec, Roster
from relay.settings import Settings

TOKEN = "t0ken-of-the-path"
USER = "exotel:s3cret:with colon"
ROSTER = Roster(
    {"day": AgentSpec("day", "elevenlabs", "agent_1"), "night": AgentSpec("night", "elevenlabs", "agent_2")}, "day"
)
UNAUTHORIZED = Refusal(401, "unauthorized")
UNKNOWN = Refusal(404, "unknown_agent")


def gate(*, token: str = "", basic: str = "") -> Gate:
    return Gate(Settings(media_token=token, media_basic_auth=BasicAuth.parse(basic)))


def basic(user: str = USER) -> str:
    return "Basic " + base64.b64encode(user.encode()).decode()


@pytest.mark.parametrize(
    ("segments", "verdict"),
    [
        ([], Admission("")),
        (["night"], Admission("night")),
        (["agent_2"], Admission("agent_2")),
        (["nobody"], UNKNOWN),
        (["day", "night"], UNKNOWN),
        ([".."], UNKNOWN),
    ],
)
def test_with_nothing_configured_anybody_may_come(segments, verdict):
    assert gate().open
    assert gate().judge(segments, None, ROSTER) == verdict


@pytest.mark.parametrize(
    ("segments", "verdict"),
    [
        ([TOKEN], Admission("")),
        ([TOKEN, "night"], Admission("night")),
        ([TOKEN, "nobody"], UNKNOWN),
        ([TOKEN, "night", "day"], UNKNOWN),
        ([TOKEN, TOKEN], UNKNOWN),
        ([], UNAUTHORIZED),
        (["night"], UNAUTHORIZED),
        (["night", TOKEN], UNAUTHORIZED),
        (["wrong", "night"], UNAUTHORIZED),
        ([TOKEN[:-1]], UNAUTHORIZED),
        ([TOKEN + "x"], UNAUTHORIZED),
        ([TOKEN.upper()], UNAUTHORIZED),
        ([TOKEN + " "], UNAUTHORIZED),
        (["..", TOKEN], UNAUTHORIZED),
        (["tökén"], UNAUTHORIZED),
        (["\udcff"], UNAUTHORIZED),
    ],
)
def test_the_token_is_the_first_part_of_the_path(segments, verdict):
    """Exotel strips the query, so that is where a secret can be (exotel.md 1.11)."""
    assert not gate(token=TOKEN).open
    assert gate(token=TOKEN).judge(segments, None, ROSTER) == verdict


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_basic_auth(scheme):
    authorization = basic().replace("Basic", scheme)
    assert gate(basic=USER).judge([], authorization, ROSTER) == Admission("")
    assert gate(basic=USER).judge(["night"], authorization, ROSTER) == Admission("night")
    assert gate(basic=USER).judge(["nobody"], authorization, ROSTER) == UNKNOWN


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic x",
        "Basic !!!",
        "Basic ąę",
        "Basic \udcff\udcfe",
        "Bearer " + base64.b64encode(USER.encode()).decode(),
        basic("exotel:wrong"),
        basic(USER + "x"),
        basic("exotel"),
        basic(""),
        USER,
    ],
)
def test_basic_auth_that_is_wrong_is_refused_and_nothing_worse(authorization):
    """Bytes that are no base64 at all made the upgrade fail with an error of ours instead of a 401."""
    assert gate(basic=USER).judge([], authorization, ROSTER) == UNAUTHORIZED


def test_with_both_configured_both_are_needed():
    """The docs advised a password "because the token is in access logs", yet the token alone opened."""
    both = gate(token=TOKEN, basic=USER)
    assert both.judge([TOKEN, "night"], basic(), ROSTER) == Admission("night")
    assert both.judge([TOKEN], basic(), ROSTER) == Admission("")
    assert both.judge([TOKEN, "nobody"], basic(), ROSTER) == UNKNOWN
    assert both.judge([TOKEN, "night"], None, ROSTER) == UNAUTHORIZED
    assert both.judge([TOKEN], "Basic nonsense", ROSTER) == UNAUTHORIZED
    assert both.judge(["night"], basic(), ROSTER) == UNAUTHORIZED
    assert both.judge([], basic(), ROSTER) == UNAUTHORIZED
    assert both.judge(["wrong", "night"], basic(), ROSTER) == UNAUTHORIZED


def test_a_stranger_does_not_learn_which_agents_exist():
    assert gate(token=TOKEN).judge(["wrong", "night"], None, ROSTER) == gate(token=TOKEN).judge(
        ["wrong", "nobody"], None, ROSTER
    )


@given(st.lists(st.text(max_size=20), max_size=4), st.none() | st.text(max_size=60))
def test_nobody_gets_in_by_chance(segments, authorization):
    assert gate(token=TOKEN, basic=USER).judge(segments, authorization, ROSTER) == UNAUTHORIZED


@pytest.mark.parametrize(
    ("authorization", "matches"),
    [
        ("Bearer s3cret", True),
        ("bearer s3cret ", True),
        ("Bearer s3cre", False),
        ("Bearer s3crett", False),
        ("Bearer", False),
        ("Basic s3cret", False),
        ("s3cret", False),
        ("Bearer \udcff", False),
        ("Bearer ü", False),
        ("", False),
        (None, False),
    ],
)
def test_the_bearer_of_the_control_token(authorization, matches):
    """A header of bytes that are no text was an error of ours instead of a 401."""
    assert bearer_matches(authorization, "s3cret") is matches


def test_without_a_control_token_nobody_matches():
    assert not bearer_matches("Bearer ", "")
    assert not bearer_matches("Bearer x", "")


def test_secrets_are_compared_in_constant_time(monkeypatch):
    spied = []
    original = hmac.compare_digest
    monkeypatch.setattr(credentials.hmac, "compare_digest", lambda a, b: spied.append(b) or original(a, b))
    gate(token=TOKEN).judge(["wrong"], None, ROSTER)
    gate(basic=USER).judge([], basic("wrong"), ROSTER)
    bearer_matches("Bearer wrong", "s3cret")
    assert spied == [TOKEN.encode(), USER.encode(), b"s3cret"]


def test_while_a_token_is_rotated_the_one_before_opens_too():
    """Rotating the media token must refuse no call: Exotel has the old address until the new one is pasted."""
    rotated = gate(token="new-token-of-nobody,old-token-of-nobody")
    for token in ("new-token-of-nobody", "old-token-of-nobody"):
        assert rotated.judge([token], None, ROSTER) == Admission("")
        assert bearer_matches(f"Bearer {token}", "new-token-of-nobody,old-token-of-nobody")
    for stranger in ("new-token-of-nobody,old-token-of-nobody", "", ","):
        assert rotated.judge([stranger], None, ROSTER) == Refusal(401, "unauthorized")
