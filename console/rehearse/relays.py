"""The relay under test: one in this process, or a deployed one."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from common import layout
from common.documents import objects, text
from common.live import so_far
from functions.common.store import Store, StoreError
from relay.app import RELAY, create_app
from relay.settings import Settings
from sim.serving import serving

RECORD_PATIENCE_S: Final = 15.0
FOLLOW_S: Final = 1.0
Fetch = Callable[[str], bytes | None]


class RelayUnderTest(Protocol):
    """`media_url`: where to call. `host`: for the report, without a token."""

    media_url: str
    host: str

    def words(self, call_sid: str) -> str:
        """The agent's words so far in a running call; empty if unknown."""
        ...

    async def record(self, call_sid: str) -> Mapping[str, Any]:
        """The record once the call is over; empty if none comes."""
        ...


@dataclass
class LocalRelay:
    """A real relay in this process with the user's own settings and agents, on the loopback interface."""

    media_url: str
    folder: Path
    _app: Any
    host: str = "a relay in this process"

    def words(self, call_sid: str) -> str:
        """See RelayUnderTest."""
        call = self._app[RELAY].calls.get(call_sid)
        if call is None:
            return ""
        return " ".join(turn.text for turn in call.transcript.so_far() if turn.speaker == "agent")

    async def record(self, call_sid: str) -> Mapping[str, Any]:
        """See RelayUnderTest."""
        path = self.folder / "logs" / f"{call_sid}.json"
        return await _patiently(lambda: path.read_bytes() if path.exists() else None)


@asynccontextmanager
async def local(environ: Mapping[str, str], folder: Path) -> AsyncIterator[LocalRelay]:
    """Start it. Raises SettingError for invalid settings."""
    mine = {
        **{name: value for name, value in environ.items() if name not in _NOT_HERE},
        "HOST": "127.0.0.1",
        "STORE": f"file:{folder}",
    }
    app = create_app(Settings.from_env(mine))
    async with serving(app) as url:
        yield LocalRelay(url.replace("http://", "ws://") + "/media", folder, app)


_NOT_HERE: Final = {"EVENTS_URL", "EVENTS_SECRET", "MEDIA_TOKEN", "MEDIA_BASIC_AUTH", "PUBLIC_URL", "PORT"}
"""Nobody but this process reaches the relay, and its records stay in the rehearsal's own folder."""


@dataclass
class DeployedRelay:
    """A remote relay; `store`: where its records are, None if they can't be read."""

    media_url: str
    host: str
    store: Store | None = None
    _words: dict[str, str] = field(default_factory=dict)
    _followers: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)

    def words(self, call_sid: str) -> str:
        """As reported by the relay (docs/live.md): two or three seconds after they were said."""
        if self.store is not None and call_sid not in self._followers:
            self._followers[call_sid] = asyncio.ensure_future(self._follow(call_sid, self.store))
        return self._words.get(call_sid, "")

    async def record(self, call_sid: str) -> Mapping[str, Any]:
        """See RelayUnderTest."""
        if follower := self._followers.pop(call_sid, None):
            follower.cancel()
        self._words.pop(call_sid, None)
        store = self.store
        if store is None:
            return {}
        return await _patiently(lambda: _content(store, layout.record(call_sid)))

    async def _follow(self, call_sid: str, store: Store) -> None:
        while True:
            with suppress(StoreError):  # read it again in a second
                self._words[call_sid] = await asyncio.to_thread(_said_so_far, store, call_sid)
            await asyncio.sleep(FOLLOW_S)


def _said_so_far(store: Store, call_sid: str) -> str:
    streams = [key for key, _, _ in store.versions(f"{layout.LIVE}{call_sid}/")]
    documents = [so_far(stored.body) for stored in store.read_all(streams) if stored]
    turns = [turn for live in documents for turn in objects(live, "turns")]
    return " ".join(text(turn, "text") for turn in turns if text(turn, "speaker") == "agent")


def _content(store: Store, key: str) -> bytes | None:
    found = store.read(key)
    return None if found is None else found.body


async def _patiently(read: Callable[[], bytes | None]) -> Mapping[str, Any]:
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + RECORD_PATIENCE_S
    while True:
        content = await asyncio.to_thread(read)
        document: Any = json.loads(content) if content else {}
        if isinstance(document, dict) and (document.get("ended_at") or loop.time() >= give_up_at):
            return document
        await asyncio.sleep(0.25)
