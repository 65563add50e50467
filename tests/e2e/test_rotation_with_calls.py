"""Every secret renewed in two steps, rehearsed with the processes that are deployed, while calls run.

Relays and functions are started with what the deploy command settles: those of the release before, those with both
values, those with the new ones alone. A new relay takes the new calls, the one before finishes its own and ends.
haproxy stands for what is in front: CloudFront, which sends a header, the balancer, which asks for it, and the alias of
the functions.

Each caller is transferred, so that a call needs the media socket, the relay's events, Exotel's requests and ElevenLabs'
webhook, and leaves a record only where all of them were let in.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from common.event_parts import HEAD_EVENT
from common.layout import record as record_path
from console.deployment import secrets
from console.deployment.secrets import MADE_HERE, Secrets
from functions.common.http import Request
from relay.agents.elevenlabs.fake import FakeElevenLabs
from relay.agents.elevenlabs.fake_post_call import Webhook
from sim.agent_script import AgentScript, Reply, ToolUse
from sim.applets import Applet, Connect, Passthru, Person
from sim.caller import SILENT, Doing
from sim.exotel import CallPlan, CallResult, FakeExotel, new_sid
from sim.serving import serving
from sim.sound import Pcm
from tests.support import calls, haproxy
from tests.support.busy import real_time
from tests.support.logging_processes import LoggingProcesses
from tests.support.processes import free_port
from tests.support.relay_world import API_KEY

RELEASES = ("before", "both", "new")
OF_RELAYS = {"media_token", "control_token"}
PATIENCE_S = 60
NUMBER = "+919876500010"
CONFIGURATION = (
    haproxy.HEAD
    + """\
frontend cloudfront
    bind 127.0.0.1:{edge}
    http-request set-header X-Origin-Secret %[str(header),map({sent})]
    default_backend balancer
backend balancer
    server balancer 127.0.0.1:{balancer}
frontend balancer
    bind 127.0.0.1:{balancer}
    http-request deny deny_status 403 unless {{ req.hdr(X-Origin-Secret) -m str -f {accepted} }}
    default_backend relays
frontend functions
    bind 127.0.0.1:{alias}
    default_backend functions
"""
)
AGENT = AgentScript(
    replies=(
        Reply(on="start", say=("agent_greeting",)),
        Reply(
            on="keys:1",
            tool=ToolUse("transfer_to_human", {"target": "sales", "reason": "wants a price", "summary": "A price."}),
        ),
    )
)


@dataclass
class Front:
    """haproxy: which relay gets new calls, which functions get requests, and the header on the way to the relays."""

    folder: Path
    ports: Mapping[str, int]
    origins: list[str] = field(default_factory=lambda: ["origin_0_of_nobody"])

    @property
    def edge(self) -> str:
        return f"127.0.0.1:{self.ports['edge']}"

    @property
    def functions(self) -> str:
        return f"http://127.0.0.1:{self.ports['alias']}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        (self.folder / "sent").write_text(f"header {self.origins[-1]}\n")
        (self.folder / "accepted").write_text(f"{self.origins[-1]}\n")
        backends = []
        for kind in ("relays", "functions"):
            backends += [f"backend {kind}"]
            for release in RELEASES:
                port, at_first = self.ports[f"{kind} {release}"], "" if release == "before" else "disabled"
                backends += [f"    server {release} 127.0.0.1:{port} {at_first}"]
        places = {name: self.folder / name for name in ("admin", "sent", "accepted")}
        text = CONFIGURATION.format(**places, **{name: port for name, port in self.ports.items() if " " not in name})
        (file := self.folder / "haproxy.cfg").write_text(text + "\n".join([*backends, ""]))
        with haproxy.balancing(file, self.ports["edge"]):
            yield

    def to(self, kind: str, release: str) -> None:
        """What is new goes to this release; what has begun at another stays there."""
        self._say(f"set server {kind}/{release} state ready")
        for other in RELEASES:
            if other != release:
                self._say(f"set server {kind}/{other} state drain")

    def renew_origin(self) -> None:
        """As raising origin_secret_version by one does: a new value in one of two slots, the rule before the header."""
        self.origins.append(f"origin_{len(self.origins)}_of_nobody")
        self._say(f"add acl {self.folder / 'accepted'} {self.origins[-1]}")
        if len(self.origins) > 2:
            self._say(f"del acl {self.folder / 'accepted'} {self.origins[-3]}")
        self._say(f"set map {self.folder / 'sent'} header {self.origins[-1]}")

    def _say(self, command: str) -> None:
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self.folder / "admin"))
            control.sendall(f"{command}\n".encode())
            assert control.recv(1000).strip() == b"", command


class Patient:
    """Waits on the line until told to ask for a human, with the key 1."""

    def __init__(self) -> None:
        self.asks = asyncio.Event()
        self._asked = False

    def frame(self, at_ms: float, heard: Pcm, size: int) -> Doing:
        if not self.asks.is_set() or self._asked:
            return SILENT
        self._asked = True
        return Doing(digits="1")


@dataclass
class Running:
    """A call on the line."""

    caller: Patient
    result: asyncio.Task[CallResult]

    async def finish(self) -> CallResult:
        """Ask for a human, and talk to one."""
        self.caller.asks.set()
        async with asyncio.timeout(PATIENCE_S):
            return await self.result


class Deployment:
    """What the deploy command keeps and settles, the processes that run with it, and what is pasted where."""

    def __init__(self, front: Front, agents: FakeElevenLabs, elevenlabs_url: str, folder: Path) -> None:
        self.front = front
        self.agents = agents
        self.elevenlabs_url = elevenlabs_url
        self.folder = folder
        self.kept: dict[str, str] = {}
        self.processes = LoggingProcesses(PATIENCE_S)
        self.pasted = self.settle("wsec_of_nobody_number_1")

    def read(self, secret: str) -> str | None:
        return self.kept.get(secret)

    def settle(self, webhook: str, **what: set[str]) -> Secrets:
        given = {"ELEVENLABS_API_KEY": API_KEY, "ELEVENLABS_WEBHOOK_SECRET": webhook}
        settled = secrets.settle(self, "voice-bridge", given, **what)
        self.kept = dict(settled.values)
        return settled

    def paste(self, settled: Secrets) -> None:
        """At Exotel and at ElevenLabs."""
        self.pasted = settled
        url = f"{self.front.functions}/webhook/post-call"
        self.agents.webhook = Webhook(url, settled.current("elevenlabs_webhook_secret"), delay_s=0)

    async def functions(self, release: str, settled: Secrets, world: AsyncExitStack) -> None:
        """The alias points at them once they are there; those before answer what they have begun, and end."""
        environ = {
            **{
                name.upper(): value
                for name, value in settled.values.items()
                if name not in {"media_token", "control_token"}
            },
            "HOST": "127.0.0.1",
            "PORT": str(self.front.ports[f"functions {release}"]),
            "STORE": f"file:{self.folder}",
            "SWEEP_EVERY_SECONDS": "0",
            "TRANSFER_TARGETS": json.dumps({"sales": NUMBER}),
            "CONNECT_EVENTS_URL": f"{self.front.functions}/exotel/dial-events?token={settled.current('exotel_token')}",
        }
        name = f"functions {release}"
        await world.enter_async_context(self.processes.running(name, environ, "functions.local", "functions_started"))
        self.front.to("functions", release)

    async def relay(self, release: str, settled: Secrets, world: AsyncExitStack) -> None:
        environ = {
            **{name.upper(): settled.values[name] for name in ("media_token", "control_token", "events_secret")},
            "HOST": "127.0.0.1",
            "PORT": str(self.front.ports[f"relays {release}"]),
            "ELEVENLABS_AGENT_ID": "agent_front",
            "ELEVENLABS_API_KEY": settled.values["elevenlabs_api_key"],
            "ELEVENLABS_BASE_URL": self.elevenlabs_url,
            "EVENTS_URL": f"{self.front.functions}/relay/events",
        }
        await world.enter_async_context(self.processes.running(f"relays {release}", environ))
        self.front.to("relays", release)

    async def call(self, release: str) -> Running:
        """A call at the pasted addresses, which the relay of this release has taken."""
        token = self.pasted.current("exotel_token")

        def exotel(applet: str) -> str:
            return f"{self.front.functions}/exotel/{applet}?token={token}"

        people = {NUMBER: Person(ring_s=0, talk_s=0)}
        told = Passthru(exotel("passthru"))
        flow: Applet = Passthru(
            exotel("passthru"), if_302=Connect(exotel("connect"), people=people, if_answered=told, if_nobody=told)
        )
        caller, relay = Patient(), f"relays {release}"
        url = f"ws://{self.front.edge}/media/{self.pasted.current('media_token')}"
        before = self.processes.count(relay, "call_started")
        plan = CallPlan(url=url, caller=lambda rate_hz: caller, flow=flow)
        result = asyncio.create_task(FakeExotel().call(plan))
        await self.processes.until(lambda: self.processes.count(relay, "call_started") > before)
        return Running(caller, result)

    async def let_in(self, given: Secrets, origin: str) -> set[str]:
        """Which of the secrets open their doors now; each is knocked at alone."""
        current = {name: given.current(name) for name in given.values}
        bearer = {"Authorization": f"Bearer {current['control_token']}"}
        sid, relays = new_sid(), f"http://{self.front.edge}"
        event = calls.signed_event(calls.started(call_sid=sid, event_id=new_sid()), current["events_secret"], now=None)
        told = calls.post_call(calls.conversation(call_sid=sid, conversation_id=f"conv_{sid}"))
        webhook = calls.signed_webhook(told, current["elevenlabs_webhook_secret"], now=None)
        balancer = f"http://127.0.0.1:{self.front.ports['balancer']}/health"
        async with aiohttp.ClientSession() as http:
            answers = {
                "media_token": http.get(f"{relays}/media/{current['media_token']}"),
                "control_token": http.get(f"{relays}/bg-sound", headers=bearer),
                "origin": http.get(balancer, headers={"X-Origin-Secret": origin}),
                "exotel_token": http.get(f"{self.front.functions}/exotel/passthru?token={current['exotel_token']}"),
                "events_secret": self._post(http, event),
                "elevenlabs_webhook_secret": self._post(http, webhook),
            }
            statuses = {}
            for name, asked in answers.items():
                async with asked as response:
                    statuses[name] = response.status
        assert set(statuses.values()) <= {200, 401, 403}, statuses
        return {name for name, status in statuses.items() if status == 200}

    def _post(self, http: aiohttp.ClientSession, request: Request) -> Any:
        return http.post(f"{self.front.functions}{request.path}", data=request.body, headers=request.headers)


EVERY = {*MADE_HERE, "elevenlabs_webhook_secret", "origin"}


@real_time
async def test_calls_begin_go_on_and_are_transferred_while_every_secret_is_renewed(tmp_path: Path):
    haproxy.required()
    kinds = [f"{kind} {release}" for kind in ("relays", "functions") for release in RELEASES]
    front = Front(tmp_path, {name: free_port() for name in ("edge", "balancer", "alias", *kinds)})
    agents = FakeElevenLabs({"agent_front": AGENT}, api_key=API_KEY)
    async with AsyncExitStack() as world:
        elevenlabs_url = await world.enter_async_context(serving(agents.app()))
        await world.enter_async_context(front.running())
        deployment = Deployment(front, agents, elevenlabs_url, tmp_path / "store")
        processes, first = deployment.processes, deployment.pasted
        deployment.paste(first)
        await deployment.functions("before", first, world)
        await deployment.relay("before", first, world)
        results = [await (await deployment.call("before")).finish()]
        across = [await deployment.call("before")]
        assert await deployment.let_in(first, front.origins[0]) == EVERY

        # rotate: the functions first, then a relay beside the one before
        both = deployment.settle("wsec_of_nobody_number_2,wsec_of_nobody_number_1", rotate=set(MADE_HERE))
        front.renew_origin()
        await deployment.functions("both", both, world)
        processes.terminate("functions before")
        await processes.ended("functions before")
        across.append(await deployment.call("before"))
        results.append(await across[0].finish())  # begun before, transferred by functions that know both
        await deployment.relay("both", both, world)
        processes.terminate("relays before")
        across.append(await deployment.call("both"))  # at the addresses pasted before
        results.append(await across[1].finish())
        await processes.ended("relays before")
        for given, origin in ((first, front.origins[0]), (both, front.origins[1])):
            assert await deployment.let_in(given, origin) == EVERY

        # paste; those who called before end their calls with what they began with
        deployment.paste(both)
        results.append(await across[2].finish())
        across.append(await deployment.call("both"))

        # drop, when no relay from before is left: again the functions first
        new = deployment.settle("wsec_of_nobody_number_2", drop=set(MADE_HERE))
        front.renew_origin()
        await deployment.functions("new", new, world)
        processes.terminate("functions both")
        await processes.ended("functions both")
        across.append(await deployment.call("both"))
        results.append(await across[3].finish())
        await deployment.relay("new", new, world)
        processes.terminate("relays both")
        across.append(await deployment.call("new"))
        results += [await one.finish() for one in across[4:]]
        await processes.ended("relays both")
        await agents.settled()

        refused = [line for line in processes.lines() if line["event"].endswith("_refused")]
        assert refused == []
        assert [one.status for one in agents.deliveries] == [200] * len(results)
        assert await deployment.let_in(new, front.origins[2]) == EVERY
        assert await deployment.let_in(first, front.origins[0]) == set(), "what was valid before opens nothing"
        processes.terminate("relays new")
        await processes.ended("relays new")
        processes.terminate("functions new")
        await processes.ended("functions new")

    assert [line for line in processes.lines() if line["event"] == HEAD_EVENT] == [], "an event was given up"
    for result in results:
        assert (result.error, result.ended_by, result.handshakes) == ("", "bot", 1)
        assert [one for one in result.flow.exchanges if one.status not in {200, 302}] == []
        assert (result.flow.transfer, result.flow.violations) == ("answered", [])
        record = json.loads((tmp_path / "store" / record_path(result.call_sid)).read_text())
        assert (record["end_reason"], record["transfer"]["state"]) == ("transferred", "answered")
        assert set(record["sources"]) == {"relay", "webhook"}
    assert len(results) == 7
