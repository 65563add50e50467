"""Which modules are machine code where the relay is deployed (scripts/compile_relay.py), and whether they are here.

A compiled module is used in place of its source, which stays beside it, if it was made for this Python. Otherwise the
source is. CONTRIBUTING.md says what code in these modules may not do.
"""

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final, Literal

MODULES: Final = (
    # A caller's frame, from its message to the agent's socket.
    "relay.agents.sound_out",
    "relay.at_once",
    "relay.audio.caller_track",
    "relay.call.caller",
    "relay.frames",
    "relay.line.exotel",
    "relay.line.socket",
    "relay.audio.concealment",
    "relay.audio.convert",
    "relay.audio.pcm",
    "relay.audio.resample",
    "relay.line.evenness",
    "relay.line.uplink",
    "relay.short_way",
    # What listens in to it.
    "relay.audio.blocks",
    "relay.audio.echo_ruled_out",
    "relay.audio.levels",
    "relay.audio.line_tape",
    "relay.audio.loudness",
    "relay.audio.pages",
    "relay.audio.recent_peaks",
    "relay.audio.voice",
    "relay.audio.voice_runs",
    "relay.line.echo_doubt",
    "relay.line.echo_guard",
    "relay.line.echo_looks",
    "relay.line.echo_sides",
    # A frame to the line: when it is due, what is in it, what is noted of it.
    "relay.audio.ambience",
    "relay.audio.ambience_loop",
    "relay.audio.edges",
    "relay.audio.holdback",
    "relay.audio.line_clock",
    "relay.audio.playout",
    "relay.line.answers",
    "relay.line.framing",
    "relay.line.heard",
    "relay.line.lead",
    "relay.line.loop_reserve",
    "relay.line.pacer",
    "relay.line.pacing",
    "relay.line.schedule",
    "relay.line.sending",
    "relay.line.ticker",
    "relay.whole_tick",
    # An agent's message, from its arrival to what it does to the call.
    "relay.agents.budget",
    "relay.agents.elevenlabs.codec",
    "relay.agents.elevenlabs.speech",
    "relay.agents.hearing",
    "relay.agents.late_sound",
    "relay.agents.passing",
    "relay.agents.reading",
    "relay.call.agent_events",
    "relay.call.agent_speech",
    "relay.call.answer_clock",
    "relay.call.transcript",
    "relay.call.turn_retry",
    "relay.flag",
    # The agent's speech, on its way into the queue.
    "relay.audio.limiter",
    "relay.audio.slip",
    "relay.audio.speech_level",
    "relay.audio.utterance",
    "relay.line.downlink",
    "relay.line.making",
)
"""Not in here: sessions and the call's logic, because they wait, and mypyc gets a `finally` that waits wrong;
what agents' own code inherits from; msgspec's messages, which are C already; what runs a few times in a call.
"""

Compiled = Literal["yes", "no", "in part"]


def state() -> Compiled:
    """Of the modules of this process."""
    compiled = sum(map(_is_compiled, MODULES))
    return "no" if not compiled else "yes" if compiled == len(MODULES) else "in part"


def unused() -> list[str]:
    """Modules that were compiled, but for another Python: they run from their source."""
    return [module for module in MODULES if not _is_compiled(module) and any(_files(module))]


def _is_compiled(module: str) -> bool:
    return (getattr(sys.modules.get(module), "__file__", "") or "").endswith(tuple(EXTENSION_SUFFIXES))


def _files(module: str) -> list[Path]:
    _, *folders, name = module.split(".")
    return sorted(Path(__file__).parent.joinpath(*folders).glob(f"{name}.*.so"))
