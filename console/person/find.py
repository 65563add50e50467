"""Finds everything a store holds about one person, by their number, in the order in which it can be deleted.

The order matters: an interrupted run is started again, and must find what is left. So a call's record, which says whose
call it was, is deleted after everything it leads to; without a record, the relay's events are.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from common import layout
from common.documents import Document, text
from console.person.reading import (
    PersonStore,
    bodies,
    conversations_of,
    documents,
    foreign_vendors,
    names_number,
    opened_body,
    parsed,
    webhook_of,
)
from functions.common.sealed import Sealing, is_sealed


class Kind(StrEnum):
    """What is stored, in the order of deletion."""

    MARKERS = "markers of the sweep"
    WEBHOOKS = "raw webhooks"
    CONVERSATIONS = "what the vendor said"
    SOUND = "sound"
    PIECES = "pieces of calls"
    RECORDS = "records"
    INDEX = "index of callers"


@dataclass(slots=True)
class Found:
    """`keys` by kind, each in the order of removal. `conversations`: at ElevenLabs. `unsure`: raw webhooks that can't
    be interpreted and contain the number's digits. `sealed`: raw webhooks that can't be decrypted because the key is
    missing, so that their owner is unknown. `callers_of_it`: how many other numbers called this one."""

    number: str
    calls: list[str] = field(default_factory=list)
    conversations: list[str] = field(default_factory=list)
    other_vendors: list[str] = field(default_factory=list)
    keys: dict[Kind, list[str]] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)
    sealed: list[str] = field(default_factory=list)
    callers_of_it: int = 0
    newest: str = ""
    """When the last of the calls ended, or began, RFC 3339; empty when no record says so."""

    def all(self) -> Iterator[tuple[Kind, str]]:
        """In the order of deletion."""
        for kind in Kind:
            for key in self.keys.get(kind, ()):
                yield kind, key


_RAW: Final = "inbox/2"
_Said = Callable[[str], None]
_NO_KEY: Final = Sealing()


def find(store: PersonStore, number: str, say: _Said = lambda _: None, sealing: Sealing = _NO_KEY) -> Found:
    """Everything about `number` (E.164). Reads every record once, and the pieces of calls without a record. `say`
    reports progress."""
    search = _Search(store, number, sealing)
    say("records")
    search.records()
    say("calls without a record")
    search.calls_without_record()
    say("conversations")
    search.conversations()
    say("raw webhooks")
    search.raw_webhooks()
    say("sound, markers and the index of callers")
    search.rest()
    return search.found


class _Search:
    """One search; its steps depend on each other in the order of `find`."""

    def __init__(self, store: PersonStore, number: str, sealing: Sealing) -> None:
        self._store = store
        self._sealing = sealing
        self._names = names_number(number)
        self.found = Found(number, keys={kind: [] for kind in Kind})
        self._calls: set[str] = set()
        self._others: set[str] = set()  # other people's calls
        self._theirs: set[str] = set()  # conversations that other people's calls name
        self._named: set[str] = set()  # conversations that this person's calls name
        self._mine: set[str] = set()  # conversations that are this person's
        self._digests: dict[str, str] = {}  # of a raw webhook → its conversation
        self._vendors: set[str] = set()
        self._elsewhere: set[str] = set()  # conversations with other vendors

    def _add(self, kind: Kind, key: str) -> None:
        self.found.keys[kind].append(key)

    def _take(self, call_sid: str, document: Document) -> None:
        self._calls.add(call_sid)
        self._named.update(conversations_of(document))
        self._vendors.update(foreign_vendors(document))
        agents = document.get("agents")
        for agent in agents if isinstance(agents, list) else []:
            if text(agent, "vendor") not in {"", "elevenlabs"}:
                self._elsewhere.update(conversations_of(agent))

    def records(self) -> None:
        callers = set()
        for key, record in documents(self._store, self._store.ever("logs/")):
            call_sid = key.removeprefix("logs/").removesuffix(".json")
            if record is None or not (text(record, "from") or text(record, "to")):
                continue  # its events may contain more
            if self._names(record):
                self._take(call_sid, record)
                self.found.newest = max(self.found.newest, text(record, "ended_at") or text(record, "started_at"))
                if not self._names({"from": text(record, "from")}):
                    callers.add(text(record, "from"))
            else:
                self._others.add(call_sid)
                self._theirs.update(conversations_of(record))
        self.found.callers_of_it = len(callers)

    def calls_without_record(self) -> None:
        """Also yields the keys of everything that belongs to this person."""
        unknown: dict[str, list[str]] = {}
        mine: list[str] = []
        for key in self._store.ever("calls/"):
            call_sid = key.split("/")[1]
            if call_sid in self._calls:
                mine.append(key)
            elif call_sid not in self._others:
                unknown.setdefault(call_sid, []).append(key)
        for call_sid, keys in unknown.items():
            events = [key for key in keys if "/events/" in key]
            said = [event for _, event in documents(self._store, events) if event]
            if any(map(self._names, said)):
                mine += keys
                for event in said:
                    self._take(call_sid, event)
            else:
                self._theirs.update(name for event in said for name in conversations_of(event))
        named = layout.piece("*", "conversations", "*").split("*")
        for key in mine:
            if "/conversations/" in key:
                self._named.add(key.rpartition("/")[2].removesuffix(named[-1]))
        # Only its events identify a call without a record: delete them last.
        self.found.keys[Kind.PIECES] = sorted(mine, key=lambda key: ("/events/" in key, key))

    def conversations(self) -> None:
        of: dict[str, list[str]] = {}
        for key in self._store.ever("conversations/"):
            of.setdefault(key.split("/")[1], []).append(key)
        for conversation_id, keys in of.items():
            link = layout.conversation_call(conversation_id)
            results = [key for key in keys if key != link]
            for key in results:
                kind, _, digest = key.rpartition("/")[2].removesuffix(".json").partition("-")
                if kind == "webhook":
                    self._digests[digest] = conversation_id
            if self._is_mine(conversation_id, link if link in keys else "", results):
                self._mine.add(conversation_id)
                self.found.keys[Kind.CONVERSATIONS] += [*results, *(key for key in keys if key == link)]
        self._mine |= {name for name in self._named - self._theirs if name not in of}

    def _is_mine(self, conversation_id: str, link: str, results: list[str]) -> bool:
        """Decided by the call it was linked to; if unlinked, by the calls that name it, else by the number it names."""
        if link:
            linked = (self._store.newest(link) or b"").decode(errors="replace")
            if linked in self._calls or linked in self._others:
                return linked in self._calls
        if conversation_id in self._named or conversation_id in self._theirs:
            return conversation_id not in self._theirs
        return any(result and self._names(result) for _, result in documents(self._store, results))

    def raw_webhooks(self) -> None:
        pointers: dict[str, list[str]] = {}
        for key in self._store.ever(layout.raw_of("").removesuffix("/")):
            conversation_id, _, name = key.removeprefix("inbox/of/").partition("/")
            self._digests[name.removesuffix(".json")] = conversation_id
            pointers.setdefault(conversation_id, []).append(key)
        asides: dict[str, list[str]] = {}
        raw: list[str] = []
        for key in self._store.ever(_RAW):
            if key.endswith((".problem.json", ".forwarded.json")):
                asides.setdefault(_digest(key), []).append(key)
            else:
                raw.append(key)
        mine = [key for key in raw if self._digests.get(_digest(key)) in self._mine]
        mine += self._searched([key for key in raw if _digest(key) not in self._digests])
        for key in mine:
            self._add(Kind.MARKERS, layout.pending_webhook(_digest(key)))
            self.found.keys[Kind.WEBHOOKS] += [*asides.get(_digest(key), ()), key]
        for conversation_id in sorted(self._mine):
            self.found.keys[Kind.WEBHOOKS] += pointers.get(conversation_id, [])

    def _searched(self, keys: list[str]) -> Iterator[str]:
        """Webhooks stored before there was an index, and webhooks that could not be interpreted."""
        digits = self.found.number[-10:].encode()
        ids = [one.encode() for one in (*self._calls, *self._mine)]
        for key, kept in bodies(self._store, keys):
            body = opened_body(key, kept, self._sealing)
            if is_sealed(body):
                self.found.sealed.append(key)
                continue
            document = parsed(body)
            if document is None:
                if any(one in body for one in ids):
                    yield key
                elif digits in body:
                    self.found.unsure.append(key)
                continue
            conversation_id, numbers = webhook_of(document)
            if conversation_id in self._mine or (conversation_id not in self._theirs and self._names(numbers)):
                self._mine.add(conversation_id)
                yield key

    def _is_of(self, marker: str) -> bool:
        parts = marker.split("/")
        return len(parts) == _MARKER_PARTS and parts[2] in self._calls

    def rest(self) -> None:
        found = self.found
        of_calls = {f"audio/{call_sid}{suffix}": call_sid for call_sid in self._calls for suffix in _SOUNDS}
        beside = {
            layout.audio(call_sid, f"-{conversation_id}"): f"{call_sid}-{conversation_id}"
            for call_sid in self._calls
            for conversation_id in self._mine
        }
        for key in self._store.ever("audio/"):
            later = _LATER.sub(r".\1", key)  # what was recorded after the call's recording had been joined
            mine = later in of_calls and key.removeprefix("audio/").rpartition(".")[0] not in self._others
            if key in of_calls or mine or (key in beside and beside[key] not in self._others):
                self._add(Kind.SOUND, key)
        for call_sid in sorted(self._calls):
            found.keys[Kind.SOUND] += self._store.ever(layout.recordings(call_sid))
        markers = {layout.pending_conversation(conversation_id) for conversation_id in self._mine}
        markers |= set(found.keys[Kind.MARKERS])
        found.keys[Kind.MARKERS] = [key for key in self._store.ever("pending/") if key in markers or self._is_of(key)]
        found.keys[Kind.RECORDS] = sorted(
            key for key in self._store.ever("logs/") if key.removeprefix("logs/").removesuffix(".json") in self._calls
        )
        found.keys[Kind.INDEX] = list(self._store.ever(f"callers/{layout.digest(found.number.encode())}/"))
        found.calls = sorted(self._calls)
        found.conversations = sorted(self._mine - self._elsewhere)
        found.other_vendors = sorted(self._vendors)


_MARKER_PARTS: Final = 4  # pending/{kind}/{call_sid}/{name}
_LATER: Final = re.compile(r"-[2-9][0-9]?\.(wav|flac)$")
_SOUNDS: Final = (".mp3", ".wav", ".flac", ".ogg")


def _digest(key: str) -> str:
    return key.rpartition("/")[2].partition(".")[0]
