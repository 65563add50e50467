"""The sessions of one call: one was prepared before anybody knew whose call it is."""

from types import SimpleNamespace

from relay.agents.roster import AgentSpec
from relay.media import _Sessions

DESK, NIGHT = AgentSpec("desk", "echo", ""), AgentSpec("night", "echo", "")


class Session:
    def __init__(self, alias):
        self.alias, self.is_prepared = alias, False

    def prepare(self):
        self.is_prepared = True


def test_the_session_that_was_prepared_is_taken_once_and_only_by_its_agent():
    """An agent that is asked again after it has failed gets a new one."""
    sessions = _Sessions(SimpleNamespace(new_session=Session), DESK)
    prepared = sessions.prepared
    assert prepared.is_prepared
    other = sessions(NIGHT)
    assert (other.alias, other.is_prepared, sessions.prepared) == ("night", False, prepared)
    assert sessions(DESK) is prepared
    assert sessions.prepared is None
    again = sessions(DESK)
    assert (again.alias, again.is_prepared) == ("desk", False)


def test_without_an_agent_to_presume_none_is_prepared():
    assert _Sessions(SimpleNamespace(new_session=Session), None).prepared is None
