"""Whether and how one call is recorded, from the choice of its agent to its end."""

from collections.abc import Sequence
from typing import Protocol

from relay.agents.roster import AgentSpec, RecordMode
from relay.events.records import CallFacts
from relay.logs import CallLog
from relay.recording.recorder import Recorder
from relay.recording.recordings import Recordings


class Recorded(Protocol):
    """A part of the call that tells `recorder` what passes it; None: the call is not recorded now."""

    recorder: Recorder | None


class CallRecording:
    """Has at most one recorder at a time, and gives it to `parts`."""

    def __init__(
        self, recordings: Recordings, facts: CallFacts, rate_hz: int, log: CallLog, parts: Sequence[Recorded]
    ) -> None:
        self._recordings = recordings
        self._facts = facts
        self._rate_hz = rate_hz
        self._log = log
        self._parts = parts
        self.recorder: Recorder | None = None

    def follow(self, agent: AgentSpec, mode: RecordMode | None = None) -> None:
        """Record from now on as `agent`'s entry says, or in the `mode` that a look-up asks for; an earlier recording in
        another mode is dropped.

        The caller is not recorded before `let_caller_in`.
        """
        mode = agent.record if mode is None else mode
        if self.recorder is not None and self.recorder.mode != mode:
            self.recorder.discard()
            self.recorder = None
        if self.recorder is None and mode != "off":
            self.recorder = self._recordings.begin(self._facts, self._rate_hz, mode, self._log)
        if self.recorder is not None:
            self.recorder.mask_keys = agent.mask_keys
            self.recorder.pause_on_keys = agent.record_pause_on_keys
        for part in self._parts:
            part.recorder = self.recorder

    def let_caller_in(self) -> None:
        """The agent gets the call, and any notice before it has been played."""
        if self.recorder is not None:
            self.recorder.let_caller_in()

    def line_gone(self) -> None:
        """What was on its way to the caller will not be heard."""
        if self.recorder is not None:
            self.recorder.stop()

    def end(self) -> None:
        """The call is over: the rest is uploaded and reported in the background."""
        if self.recorder is not None:
            self._recordings.end(self.recorder, self._facts, self._log)
