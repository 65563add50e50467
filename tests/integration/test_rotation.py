"""Every secret renewed at once, rehearsed: the values are the deploy command's, read by relay and functions as they
read them when deployed, while calls go on that began before.

    rotate   the functions first, then new relays beside the old ones, which finish their calls
    paste    the new addresses at Exotel, the webhook's new secret at ElevenLabs
    drop     an hour later, when no relay from before is left: again the functions first
"""

import itertools
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from common.credentials import bearer_matches
from console.deployment import secrets
from console.deployment.secrets import MADE_HERE, Secrets
from relay.access import Admission, Gate
from relay.agents.roster import Roster
from relay.settings import Settings
from tests.support import calls
from tests.support.memory_store import MemoryStore

EVERY = set(MADE_HERE)


class World:
    """A deployment with two secrets of ElevenLabs' by turns, what is pasted, and the calls that go on."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.store = MemoryStore()
        self.numbers = itertools.count(100)
        self.webhook_secret = "wsec_of_nobody_number_1"
        self.functions = self.pasted = self.deploy("wsec_of_nobody_number_1")
        self.relays = [self.functions]
        self.dial_tokens: set[str] = set()

    def read(self, secret: str) -> str | None:
        return self.kept.get(secret)

    def deploy(self, webhook: str, **what: set[str]) -> Secrets:
        """What the deploy command settles, kept as Terraform writes it."""
        given = {"ELEVENLABS_API_KEY": "sk_of_nobody_at_all_0001", "ELEVENLABS_WEBHOOK_SECRET": webhook}
        settled = secrets.settle(self, "voice-bridge", given, **what)
        self.kept = dict(settled.values)
        return settled

    def refusals(self) -> Iterator[str]:
        """Everything that anybody would be refused now, a line each."""
        for number, relay in enumerate(self.relays):
            settings = relay_settings(relay)
            opened = Gate(settings).judge([self.pasted.current("media_token")], None, Roster({}, ""))
            if not isinstance(opened, Admission):
                yield f"relay {number} refuses a call at the pasted address"
            if not bearer_matches(f"Bearer {self.pasted.current('control_token')}", settings.control_token):
                yield f"relay {number} refuses its operator"
            event = calls.started(next(self.numbers), call_sid=f"call-{next(self.numbers)}")
            if self.webhook().handle(calls.signed_event(event, settings.events_secret)).status != 200:
                yield f"the functions refuse an event of relay {number}"
        told = calls.signed_webhook(calls.post_call(calls.conversation()), self.webhook_secret)
        if self.webhook().handle(told).status != 200:
            yield "the functions refuse ElevenLabs"
        if self.transfer().handle(calls.connect(token=self.pasted.current("exotel_token"))).status == 401:
            yield "the functions refuse Exotel's Connect"
        for token in self.dial_tokens:
            if self.transfer().handle(calls.exotel("dial-events", token=token, CallSid=calls.CALL)).status == 401:
                yield "the functions refuse news of a dialling that has begun before"

    def begin_dialling(self) -> None:
        """A Connect answer names the address for news of the dialling, with a token; Exotel uses it to the end."""
        request = calls.transfer_requested(number=next(self.numbers))
        self.webhook().handle(calls.signed_event(request, relay_settings(self.relays[-1]).events_secret))
        answer = self.transfer().handle(calls.connect(token=self.pasted.current("exotel_token")))
        url = calls.body_of(answer)["dial_passthru_event_url"]
        self.dial_tokens.add(parse_qs(urlsplit(url).query)["token"][0])

    def webhook(self):
        given = {"EVENTS_SECRET": "events_secret", "ELEVENLABS_WEBHOOK_SECRET": "elevenlabs_webhook_secret"}
        return calls.webhook_app(self.store, **{name: self.functions.values[secret] for name, secret in given.items()})

    def transfer(self):
        return calls.transfer_app(self.store, EXOTEL_TOKEN=self.functions.values["exotel_token"])


def relay_environment(given: Secrets) -> dict[str, str]:
    return {
        **{"ELEVENLABS_AGENT_ID": "agent_of_nobody", "EVENTS_URL": "https://functions.example/relay/events"},
        **{name.upper(): given.values[name] for name in ("media_token", "control_token", "events_secret")},
        "ELEVENLABS_API_KEY": given.values["elevenlabs_api_key"],
    }


def relay_settings(given: Secrets) -> Settings:
    return Settings.from_env(relay_environment(given))


@pytest.fixture
def world() -> World:
    return World()


def test_no_call_event_or_transfer_is_refused_while_every_secret_is_renewed(world: World):
    for turn in (2, 3):
        old, new = f"wsec_of_nobody_number_{turn - 1}", f"wsec_of_nobody_number_{turn}"
        world.begin_dialling()
        rotated = world.deploy(f"{new},{old}", rotate=EVERY)
        world.functions = rotated
        assert list(world.refusals()) == [], "functions of the new release, relays of the old one"
        world.relays.append(rotated)
        assert list(world.refusals()) == [], "both relays, nothing pasted yet"
        world.pasted, world.webhook_secret = rotated, new
        del world.relays[0]  # its last call is over before anybody may drop what it knows
        world.begin_dialling()
        assert list(world.refusals()) == [], "pasted"
        world.dial_tokens = {rotated.current("exotel_token")}
        dropped = world.deploy(new, drop=EVERY)
        world.functions = dropped
        assert list(world.refusals()) == [], "dropped at the functions"
        world.relays = [rotated, dropped]
        assert list(world.refusals()) == [], "dropped everywhere"
        assert not set(dropped.values.values()) & {value.partition(",")[2] for value in rotated.values.values()}
        world.relays = [dropped]


def test_dropping_before_the_new_address_is_pasted_would_be_seen(world: World):
    """That the rehearsal can fail: without the hour and the pasting, callers and events are refused."""
    before = world.relays[0]
    world.begin_dialling()
    world.deploy("wsec_of_nobody_number_2,wsec_of_nobody_number_1", rotate=EVERY)
    world.functions = world.deploy("wsec_of_nobody_number_2", drop=EVERY)
    world.relays = [before, world.functions]
    assert set(world.refusals()) == {
        "the functions refuse an event of relay 0",
        "relay 1 refuses a call at the pasted address",
        "relay 1 refuses its operator",
        "the functions refuse ElevenLabs",
        "the functions refuse Exotel's Connect",
        "the functions refuse news of a dialling that has begun before",
    }
