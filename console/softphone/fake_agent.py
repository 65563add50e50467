"""The softphone's agent without an account: `python -m console.softphone.fake_agent`, a fake ElevenLabs on PORT.

It has no speech recognition. It knows the sentences in sim/assets by their sound, and answers anything else with its
answers in turn, the first of them long enough to cut in. It understands all keys.
"""

import asyncio
import json
import os
import re
import signal
import weakref
from collections.abc import Mapping

from aiohttp import web

from relay.agents.elevenlabs.fake import FakeElevenLabs
from sim.agent_script import AgentScript, Reply, ToolUse
from sim.serving import serving
from sim.timeline import Happening, Timeline

AGENT_ID = "agent_at_home"
API_KEY = "sk_of_nobody"
CAPTIONS = "/captions"

_SPEAKERS: Mapping[str, str] = {"says": "agent", "made_out": "caller", "told": "keys", "tool": "tool"}
_TRANSFER = ToolUse(
    "transfer_to_human", {"target": "", "reason": "asked for a human", "summary": "Asked on the softphone."}
)
AGENT = AgentScript(
    replies=(
        Reply(on="start", say=("agent_greeting",)),
        Reply(on="heard:caller_hours", say=("agent_hours",), repeat=True),
        Reply(on="heard:caller_clinics", say=("agent_clinics",), repeat=True),
        Reply(on="heard:caller_interrupts", say=("agent_saturday",), repeat=True),
        Reply(on="heard:caller_booking", say=("agent_booking",), repeat=True),
        Reply(on="heard:caller_bill", say=("agent_transfer",), tool=_TRANSFER),
        Reply(on="heard:caller_thanks", say=("agent_goodbye",), end_call=True),
        Reply(on="unclear", say=("agent_clinics",)),
        Reply(on="unclear", say=("agent_saturday",)),
        Reply(on="unclear", say=("agent_hours",)),
        Reply(on="unclear", say=("agent_clinics",), repeat=True),
        Reply(on="keys:1", say=("agent_hours",), repeat=True),
        Reply(on="keys:2", say=("agent_clinics",), repeat=True),
        Reply(on="keys:3", say=("agent_digits",), repeat=True),
        Reply(on="keys:9", say=("agent_goodbye",), end_call=True),
        Reply(on="keys:0", say=("agent_transfer",), tool=_TRANSFER),
    ),
)
KEYS = frozenset(reply.on.removeprefix("keys:") for reply in AGENT.replies if reply.on.startswith("keys:"))
_KEYS = re.compile(r"[0-9*#]+$")  # of "The caller pressed on the phone's keypad: 4"


def application() -> web.Application:
    """The fake, and a WebSocket that reports what it says and recognises, as `[who, text]`."""
    listeners: weakref.WeakSet[web.WebSocketResponse] = weakref.WeakSet()
    sending: set[asyncio.Task[None]] = set()

    def happened(happening: Happening) -> None:
        if happening.who != "agent" or (who := _SPEAKERS.get(happening.what)) is None:
            return
        said = [(who, happening.detail)]
        if who == "keys" and (keys := _KEYS.search(happening.detail)) and keys[0] not in KEYS:
            said.append(("unanswered", f"It knows no key {keys[0]}: it has {', '.join(sorted(KEYS))}."))
        for socket in listeners:
            for caption in said:
                task = asyncio.create_task(socket.send_str(json.dumps(caption)))
                sending.add(task)
                task.add_done_callback(sending.discard)

    async def listen(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        listeners.add(socket)
        async for _ in socket:  # the client sends nothing: this waits for the end
            pass
        return socket

    app = FakeElevenLabs({AGENT_ID: AGENT}, api_key=API_KEY, timeline=Timeline(watch=happened)).app()
    app.router.add_get(CAPTIONS, listen)
    return app


async def _serve() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with serving(application(), port=int(os.environ["PORT"])):
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(_serve())
