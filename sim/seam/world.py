"""A relay with agents of any vendors behind it, in one process and in virtual time."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from relay.agents import VENDORS
from relay.agents.vendor import Ability
from relay.app import RELAY, Relay, create_app
from relay.settings import Settings
from sim.agent_script import AgentScript
from sim.exotel import CallPlan, CallResult, FakeExotel
from sim.heard import HeardLine, find_line
from sim.seam.scripted_bot import SCRIPTS, FakeBot
from sim.serving import serving
from sim.sound import AudioFormat
from sim.speech import write_wav
from sim.toml import agents_file
from sim.vendors.record import Turn
from sim.vendors.registry import FAKES, entry_of, fake_of

RAIN = np.random.default_rng(5).normal(0, 500, 8000).astype(np.int16)
KEY = "key_of_nobody"
HOSTED = tuple(FAKES)
TALKING = tuple(os.environ.get("SEAM_VENDORS", "").split(",")) if os.environ.get("SEAM_VENDORS") else (*HOSTED, "bot")
"""All that hold a conversation, or those that somebody wants to try; each has a fake that follows an AgentScript."""
UNLIKE = tuple(name for name in TALKING if not VENDORS[name].codec)
"""Vendors that share their session's code with no other: for tests of every pair."""


def able(ability: Ability, vendors: Sequence[str] = TALKING) -> tuple[str, ...]:
    """Those of `vendors` that have words for it."""
    return tuple(name for name in vendors if ability not in VENDORS[name].lacks)


@dataclass
class Entry:
    """An agent of AGENTS_FILE. `script` for vendors with a fake; `more` are further keys of the entry."""

    alias: str
    vendor: str
    script: AgentScript = AgentScript()
    options: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    id: str = ""


@dataclass
class Seen:
    """What a fake saw of one conversation, the same for all vendors."""

    turns: list[Turn]
    received: np.ndarray
    input_hz: int
    interruptions: int
    tool_results: list[tuple[str, str]]
    told: str
    history: str
    notes: list[str]
    violations: list[Any]
    ended_by: str
    close_code: int | None
    record: Any


@dataclass
class World:
    """Everything a test may touch."""

    relay: Relay
    url: str
    fakes: dict[str, Any]
    folder: Path

    async def call(self, **plan: Any) -> CallResult:
        """Place a call."""
        query = plan.pop("query", "")
        return await FakeExotel().call(CallPlan(**{"url": self.url + query, **plan}))

    def record(self, call: CallResult) -> dict[str, Any]:
        """The call's record."""
        return json.loads((self.folder / "logs" / f"{call.call_sid}.json").read_text())

    def seen(self, alias: str, number: int = 0) -> Seen:
        """A conversation of the agent's."""
        one = self.fakes[alias].conversations[number]
        return Seen(
            one.turns,
            AudioFormat(one.input_format).decoded(bytes(one.received)) if one.input_format else np.zeros(0, np.int16),
            AudioFormat(one.input_format).rate_hz if one.input_format else 0,
            len(one.interruptions),
            one.tool_results,
            " ".join(one.told),
            "\n".join(one.history),
            one.notes,
            one.violations,
            one.ended_by,
            one.close_code,
            one,
        )

    async def until(self, condition: Callable[[], Any], *, timeout: float = 30.0) -> None:
        """Let time pass until `condition()` holds."""
        async with asyncio.timeout(timeout):
            while not condition():  # noqa: ASYNC110 - for anything that can be looked at, and the time is virtual
                await asyncio.sleep(0.01)

    def assert_no_violations(self, call: CallResult) -> None:
        """Neither side has anything to complain about."""
        assert not call.violations
        for alias, fake in self.fakes.items():
            assert not any(one.violations for one in fake.conversations), (alias, fake.conversations[0].violations)


@asynccontextmanager
async def world(
    folder: Path,
    *entries: Entry,
    settings: dict[str, Any] | None = None,
    ambience: bool = False,
    environ: dict[str, str] | None = None,
) -> AsyncIterator[World]:
    """The first entry is the default; each falls back to the one behind it. `ambience`: a second of rain, loaded faster
    than the office. `environ`: besides the vendors' keys."""
    fakes: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    async with AsyncExitStack() as stack:
        for number, entry in enumerate(entries):
            options = dict(entry.options)
            agent_id = entry.id
            if fake := fake_of(entry.vendor):
                fakes[entry.alias] = fake(entry.script)
                url = await stack.enter_async_context(serving(fakes[entry.alias].app()))
                made = entry_of(entry.vendor, entry.alias, url, greeting="Good morning!")
                agent_id, options = agent_id or made["id"], {**made["options"], **options, "base_url": url}
            elif entry.vendor == "bot" and not agent_id:
                fakes[entry.alias] = FakeBot()
                SCRIPTS[entry.alias] = entry.script, fakes[entry.alias]
                agent_id, options = "sim.seam.scripted_bot:ScriptedBot", {"script": entry.alias}
            fallback = {"fallback": entries[number + 1].alias} if number + 1 < len(entries) else {}
            tables[entry.alias] = {
                "vendor": entry.vendor,
                "id": agent_id,
                "options": options,
                **fallback,
                **entry.more,
            }
        (folder / "agents.toml").write_text(agents_file(tables))
        hosted = {*FAKES, *(entry.vendor for entry in entries if fake_of(entry.vendor))}
        environ = {VENDORS[vendor].key_env: KEY for vendor in hosted} | (environ or {})
        if ambience:
            write_wav(folder / "rain.wav", 8000, RAIN)
            settings = {"ambience": str(folder / "rain.wav"), **(settings or {})}
        chosen = {"agents_file": str(folder / "agents.toml"), "store": folder, "environ": environ, **(settings or {})}
        app = create_app(replace(Settings(), **chosen))
        url = await stack.enter_async_context(serving(app))
        yield World(app[RELAY], url.replace("http", "ws", 1) + "/media", fakes, folder)


def lines_heard(call: CallResult, names: Sequence[str]) -> list[HeardLine]:
    """Which of the lines the caller heard, in order."""
    found = (find_line(call.heard, call.rate_hz, name) for name in names)
    return sorted((one for one in found if one), key=lambda one: one.at_s)


def holds(track: np.ndarray, piece: np.ndarray) -> bool:
    """Whether `piece` is in `track`, sample for sample."""
    return track.astype("<i2").tobytes().find(piece.astype("<i2").tobytes()) >= 0


def spectrum_likeness(heard: np.ndarray, expected: np.ndarray, rate_hz: int) -> float:
    """Cosine of two power spectra in the telephone band, 25 Hz a step: a changed pitch or speed moves every peak."""
    spectra = []
    for sound in (heard, expected):
        size = rate_hz // 25
        frames = sound[: sound.size // size * size].reshape(-1, size).astype(np.float64) * np.hanning(size)
        power = (np.abs(np.fft.rfft(frames, axis=1)) ** 2).sum(axis=0)
        spectra.append(power[4 : 3400 // 25])
    one, other = spectra
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))
