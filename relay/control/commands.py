"""Commands in the answers to events: each is carried out once, and its outcome recorded (docs/live.md)."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from common.masking import mask_text
from relay.control.actions import BY_NAME, NotDoneError
from relay.events.answer import Command
from relay.events.records import ARGUMENTS_KEPT, CallFacts, timestamp
from relay.logs import CallLog
from relay.tasks import Spawn

if TYPE_CHECKING:
    from relay.call.call import Call

MOST: Final = 200  # per call; further ones are not carried out

UNDER_WAY, DONE, NOT_DONE, TOO_LATE = "under way", "done", "not done", "too late"


@dataclass(slots=True)
class _Entry:
    """One command, as in the record. `arguments`: JSON, with people's numbers masked."""

    command: Command
    at: str
    outcome: str = UNDER_WAY
    detail: str = ""

    def as_json(self) -> dict[str, Any]:
        command = self.command
        arguments = mask_text(msgspec.json.encode(command.what, enc_hook=str).decode())[:ARGUMENTS_KEPT]
        said = {"id": command.id, "do": command.do, "by": command.by, "at": self.at}
        return {**said, "outcome": self.outcome, "detail": self.detail, "arguments": arguments}


class Commands:
    """The commands of one call. `spawn` runs one beside the call; `settled` is called when there is an outcome to
    report.
    """

    def __init__(
        self,
        call: "Call",
        facts: CallFacts,
        log: CallLog,
        *,
        spawn: Spawn,
        settled: Callable[[], None],
    ) -> None:
        self._call = call
        self._facts = facts
        self._log = log
        self._spawn = spawn
        self._settled = settled
        self._entries: dict[str, _Entry] = {}

    def take(self, commands: Sequence[Command]) -> None:
        """Commands are repeated in each answer until their outcome has been reported; known ones are ignored."""
        for command in commands:
            if command.id in self._entries or len(self._entries) >= MOST:
                continue
            entry = self._entries[command.id] = _Entry(command, timestamp(self._facts.now()))
            if command.left_s <= 0:
                self._settle(entry, TOO_LATE, "it arrived after its time limit")
            else:
                self._spawn(self._do(entry))

    def as_json(self) -> list[Mapping[str, Any]]:
        """The `commands` of events and records (docs/contracts.md)."""
        return [entry.as_json() for entry in self._entries.values()]

    async def _do(self, entry: _Entry) -> None:
        command = entry.command
        action = BY_NAME.get(command.do)
        if action is None:
            self._settle(entry, NOT_DONE, f"expected one of {', '.join(BY_NAME)}")
            return
        try:
            self._settle(entry, DONE, await action.parse(command.what, command.by)(self._call))
        except (ValueError, NotDoneError) as problem:
            self._settle(entry, NOT_DONE, str(problem))

    def _settle(self, entry: _Entry, outcome: str, detail: str) -> None:
        entry.outcome, entry.detail = outcome, detail[:300]
        command = entry.command
        self._log.happened(
            "control",
            f"{command.by or 'somebody'} requested {command.do}: {outcome} {detail}".strip(),
            level=logging.INFO if outcome == DONE else logging.WARNING,
            action=command.do,
            by=command.by,
            outcome=outcome,
        )
        self._settled()
