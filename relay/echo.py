"""The echo guard of a relay: where callers' sound is judged, and what is counted."""

from contextlib import suppress
from typing import Final

from relay.audio.canceller import available
from relay.audio.echo import prepare
from relay.line.echo_gates import Gates, Judges
from relay.line.echo_pool import EchoPool
from relay.line.echo_process import GateProcess
from relay.metrics import Metrics
from relay.settings import Settings

_NICER: Final = 10  # all calls wait for the event loop: it gets nine tenths of a core that a guard wants too


def pool(settings: Settings, metrics: Metrics, *, own_process: bool) -> EchoPool:
    """For a relay's guarded calls. Starts a process if this one is the relay's own."""
    prepare()
    made, watch = EchoPool(settings.echo_calls, _judges(settings, own_process=own_process)), metrics.watch
    watch("relay_echo_guarded", "Calls with an active echo guard", lambda: made.guarded)
    watch(
        "relay_echo_unguarded_total",
        "Calls without an echo guard because ECHO_CALLS was reached, for want of CPU, or because it failed",
        lambda: made.unguarded,
    )
    watch(
        "relay_echo_unjudged_total",
        "Frames of guarded calls that were passed on unjudged because the guard had too little CPU",
        lambda: made.unjudged,
    )
    return made


def _judges(settings: Settings, *, own_process: bool) -> Judges:
    if not (own_process and available and settings.echo_calls):
        return Gates()
    process = GateProcess(_NICER)
    with suppress(OSError):  # the first call that is to be guarded tries again, and reports it
        process.start()
    return process
