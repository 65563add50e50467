"""What happened, in order, on one clock: the fakes write it, the live view and the picture read it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Happening:
    """`at`: loop time in seconds. `who`: line, agent or flow. `what`: a short fixed word; `detail`: for a person."""

    at: float
    who: str
    what: str
    detail: str = ""


@dataclass(slots=True)
class Timeline:
    """A list that can be watched. `watch` is called with each happening as it is noted."""

    happenings: list[Happening] = field(default_factory=list)
    watch: Callable[[Happening], None] | None = None

    def note(self, who: str, what: str, detail: str = "") -> None:
        """Something happened now."""
        happening = Happening(asyncio.get_running_loop().time(), who, what, detail)
        self.happenings.append(happening)
        if self.watch:
            self.watch(happening)
