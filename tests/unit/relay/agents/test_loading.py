"""A class of the user's, named in AGENTS_FILE: what makes it an agent, and what stops the start."""

from types import SimpleNamespace

import msgspec
import pytest

from common.env import SettingError
from relay.agents.bot import VENDOR, Bot, Wrapper, tool
from relay.agents.bot.session import BotSession
from relay.agents.bot.wrapper import WrapperSession
from relay.agents.roster import AgentSpec
from relay.settings import Settings
from tests.unit.relay.talk import Session

HERE = __name__


class Plain(Bot):
    pass


class Choosy(Bot):
    """Wants an option and a key."""

    class Options(msgspec.Struct, frozen=True):
        greeting: str = "Hello"

    @classmethod
    def needs(cls, options):
        return ("BOTS_KEY",) if options.greeting else ()


class Around(Wrapper):
    @tool("Looks.")
    async def look(self) -> str:
        return ""


class Taken(Wrapper):
    @tool("Ends.")
    async def end_call(self) -> str:
        return ""


class Undescribed(Wrapper):
    @tool("Looks.")
    async def look(self, where) -> str:
        return ""


class NoBot:
    pass


BROKEN = "no class at all"


def configured(kind, options=None, environ=None, **more):
    spec = AgentSpec("front", "bot", f"{HERE}:{kind}", options=options or {}, **more)
    return VENDOR.configure(spec, Settings(agents_file="agents.toml", environ=environ or {}))


async def test_each_call_has_a_bot_of_its_own_with_what_it_may_use():
    http = object()
    agent = configured("Plain", {"a": 1}, {"X": "y"})
    first, second = (agent(SimpleNamespace(http=http)) for _ in range(2))
    assert isinstance(first, BotSession)
    bots = first._bot, second._bot
    assert bots[0] is not bots[1]
    assert (bots[0].options, bots[0].environ, bots[0].http) == ({"a": 1}, {"X": "y"}, http)
    assert agent.wraps == ""


async def test_a_wrapper_gets_the_agent_that_its_option_names():
    asked = []

    def new_session(alias):
        asked.append(alias)
        return Session()

    agent = configured("Around", {"agent": "assistant"})
    session = agent(SimpleNamespace(http=None, new_session=new_session))
    assert isinstance(session, WrapperSession)
    assert (asked, agent.wraps) == (["assistant"], "assistant")


def test_options_are_read_as_the_class_declares_them():
    assert configured("Choosy", {"greeting": "Hi"}, {"BOTS_KEY": "key"}).options == Choosy.Options("Hi")
    assert configured("Choosy", {"greeting": ""}).options == Choosy.Options("")


@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        ("NoBot", {}, "agents.front.id to be a subclass of relay.agents.bot.Bot or Wrapper"),
        ("BROKEN", {}, "agents.front.id to be a subclass of relay.agents.bot.Bot or Wrapper"),
        ("Nobody", {}, "agents.front.id to be importable: AttributeError: "),
        ("", {}, f"agents.front.id to be module:Class, not '{HERE}:'"),
        ("Choosy", {"greting": "Hi"}, "agents.front.options.greting to be one of greeting"),
        ("Choosy", {"greeting": 5}, r"agents.front.options.greeting: Expected `str`, got `int`"),
        ("Choosy", {}, r"^BOTS_KEY is not set: expected what agent 'front' \(.*:Choosy\) needs"),
        ("Around", {}, "agents.front.options.agent to name an agent"),
        ("Taken", {"agent": "x"}, "agents.front.id: tool Taken.end_call to have a name of its own"),
        ("Undescribed", {"agent": "x"}, "agents.front.id: Undescribed.look's parameter where to have an annotation"),
    ],
)
def test_what_cannot_be_an_agent_stops_the_start(kind, options, problem):
    with pytest.raises(SettingError, match=problem):
        configured(kind, options)


def test_a_module_that_is_not_there_is_named():
    spec = AgentSpec("front", "bot", "no.such.module:Kind")
    with pytest.raises(SettingError, match="agents.front.id to be importable: ModuleNotFoundError: "):
        VENDOR.configure(spec, Settings(agents_file="agents.toml"))


def test_a_wrapper_s_tool_may_not_be_called_like_one_of_the_entry_s():
    with pytest.raises(SettingError, match="look is there already"):
        configured("Around", {"agent": "x"}, tools={"look": object()})
