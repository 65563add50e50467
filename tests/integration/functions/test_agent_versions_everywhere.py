"""What tests/unit/functions/test_agent_versions.py shows in memory: on every store, and among people who race."""

from concurrent.futures import ThreadPoolExecutor

from functions.common.agent_versions import AgentVersions, ForestalledError
from functions.common.relays_seen import Seen, note, relays
from tests.support.calls import NOW

ROUNDS, PEOPLE = 3, 4


def text(name: str) -> str:
    return f'[agents.a]\nid = "{name}"\n'


def test_a_version_its_sounds_and_the_way_back(store):
    versions = AgentVersions(store)
    one = versions.push(text("a"), {"a.wav": b"\x00\xff"}, by="asha", note="why", after=None)
    two = versions.push(text("b"), {"a.wav": b"\x00\xff"}, by="asha", note="", after=versions.pointer())
    assert versions.current() == two
    assert versions.content(one.files["a.wav"].sha256) == b"\x00\xff"
    versions.move(versions.version(1), by="ravi", note="", after=versions.pointer())
    assert versions.current() == one
    assert [move.by for move in versions.pointer().moves] == ["asha", "asha", "ravi"]


def test_of_people_who_push_at_once_one_wins_and_each_other_is_told(store):
    """First pushes, too: nothing is there to be swapped then."""

    def push(name: str) -> str:
        versions = AgentVersions(store)
        try:
            return versions.push(text(name), {}, by=name, note="", after=after).name
        except ForestalledError as error:
            return str(error)

    with ThreadPoolExecutor(PEOPLE) as pool:
        for number in range(ROUNDS):
            after = AgentVersions(store).pointer()
            told = list(pool.map(push, [f"p{number}-{person}" for person in range(PEOPLE)]))
            won = AgentVersions(store).current_name()
            assert told.count(won) == 1
            assert sum(f"another version came first: version {won}, by p{number}" in one for one in told) == PEOPLE - 1
    assert len(AgentVersions(store).pointer().moves) == ROUNDS


def test_reports_of_relays_are_stored_and_listed(store):
    seen = [Seen(f"r-{number}", "7-3fa9c1d02b6e", "", "", 30.0, NOW) for number in range(3)]
    for one in seen:
        note(store, one)
    assert relays(store, NOW) == seen
