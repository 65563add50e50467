import msgspec
import pytest

from sim.run import agent_scripts, relay_environment
from sim.scenario import ScenarioError, load, names

MINIMAL = """
title = "t"
about = "a"
{extra}
[[caller]]
hang_up = true
[agent]
{agent}
[expect]
end_reason = "caller_hung_up"
{expect}
"""


def write(tmp_path, extra="", agent="", expect=""):
    path = tmp_path / "mine.toml"
    path.write_text(MINIMAL.format(extra=extra, agent=agent, expect=expect))
    return str(path)


@pytest.mark.parametrize("name", names())
def test_every_scenario_can_be_loaded(name):
    scenario = load(name)
    assert scenario.name == name
    assert scenario.about.endswith(".")
    assert len(scenario.about) < 130, "one line in the terminal and the picture"


def test_a_file_of_your_own(tmp_path):
    scenario = load(write(tmp_path))
    assert (scenario.name, scenario.expect.end_reason) == ("mine", "caller_hung_up")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"extra": "tilte = 1"}, r"mine.toml: Object contains unknown field `tilte`"),
        ({"agent": "burst_speed = 'fast'"}, r"Expected `float`, got `str` - at `\$.agent.burst_speed`"),
        ({"expect": "heard = ['agent_gone']"}, r"no line is called 'agent_gone'"),
        ({"agent": "replies = [{on = 'start', say = ['hallo']}]"}, r"no line is called 'hallo'"),
        ({"agent": "replies = [{on = 'heard:caller_x'}]"}, r"no line is called 'caller_x'"),
        ({"extra": "caller ="}, r"mine.toml: Invalid"),
    ],
)
def test_a_mistake_is_named(tmp_path, changes, complaint):
    with pytest.raises(ScenarioError, match=complaint):
        load(write(tmp_path, **changes))


def test_a_name_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(ScenarioError, match="no scenario 'x': expected one of agent_dies, .*transfer_webhook"):
        load("x")


def test_the_relay_gets_the_agents_of_the_scenario(tmp_path):
    scenario = load("agent_dies")
    environment = relay_environment(scenario, elevenlabs_url="http://127.0.0.1:1", folder=tmp_path)
    agents = (tmp_path / "agents.toml").read_text()
    assert 'fallback = "backup"' in agents
    assert all(f'id = "{agent_id}"' in agents for agent_id in agent_scripts(scenario))
    assert environment["STORE"] == f"file:{tmp_path}"
    assert "EVENTS_URL" not in environment
    louder = msgspec.structs.replace(scenario, relay={"BACKGROUND_SOUND_VOLUME": "0.8"})
    environment = relay_environment(louder, elevenlabs_url="x", folder=tmp_path, functions_url="http://f")
    assert environment["EVENTS_URL"] == "http://f/relay/events"
    assert environment["BACKGROUND_SOUND_VOLUME"] == "0.8"
