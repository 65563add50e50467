"""Waits until all relays serve a version, by their last reports in the store (functions.common.relays_seen)."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from functions.common.relays_seen import Seen, relays
from functions.common.store import Store

_LOOK_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Standings:
    """Relays grouped by what they do with a version."""

    serving: tuple[Seen, ...]
    refusing: tuple[Seen, ...]
    waiting: tuple[Seen, ...]

    @classmethod
    def of(cls, seen: list[Seen], version: str) -> "Standings":
        """`seen`: relays that are there."""
        serving = tuple(one for one in seen if one.serving == version)
        refusing = tuple(one for one in seen if one.refused == version and one.serving != version)
        return cls(serving, refusing, tuple(one for one in seen if one not in {*serving, *refusing}))


def wait(
    store: Store,
    version: str,
    *,
    patience_s: float,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Whether all relays serve `version`; returns once each relay has reported, or after `patience_s`.

    A relay that is stopped in the meantime is waited for until it counts as gone.
    """
    give_up_at = clock() + patience_s
    told: set[str] = set()
    while True:
        standings = Standings.of(relays(store, clock()), version)
        for one in standings.serving:
            if one.relay not in told:
                told.add(one.relay)
                say(f"  {one.relay} serves it")
        if not standings.waiting or clock() >= give_up_at:
            break
        sleep(_LOOK_EVERY_S)
    for one in standings.refusing:
        say(f"  {one.relay} refuses it and keeps serving {one.serving}: {one.problem}")
    for one in standings.waiting:
        say(f"  {one.relay} has not switched to it after {patience_s:g} s and still serves {one.serving}")
    if not (standings.serving or standings.refusing or standings.waiting):
        say("No relay has asked for agents in the last minutes: those that start will get it.")
    if standings.refusing:
        say("Calls continue with what each relay serves. Push a corrected version, or roll back: make agents-rollback.")
    return not standings.refusing and not standings.waiting
