"""Checks the relay at its public name, from DNS to a call: everything between Exotel and the agent."""

from collections.abc import AsyncIterator

from console.checks.finding import Finding
from console.checks.relay_address import check_address
from console.checks.relay_door import check_dynamic_url, check_health, check_ready, check_token, check_upgrade
from console.checks.stages import Stage, in_turn, skipped
from console.checks.subject import Subject
from console.doctor.relay_call import check_call, check_long_call
from console.doctor.relay_name import check_name, check_tls

_REACHED = ("relay.dns", "relay.tls", "relay.http1")

STAGES = (
    Stage(("relay.address",), check_address),
    Stage(("relay.dns",), check_name, ("relay.address",)),
    Stage(("relay.tls", "relay.certificate", "relay.http1"), check_tls, ("relay.dns",)),
    Stage(("relay.health",), check_health, _REACHED),
    Stage(("relay.ready",), check_ready, _REACHED),
    Stage(("relay.upgrade",), check_upgrade, _REACHED),
    Stage(("relay.token",), check_token, ("relay.upgrade",)),
    Stage(("relay.dynamic_url",), check_dynamic_url, _REACHED),
    Stage(("relay.call", "relay.paced"), check_call, ("relay.upgrade",)),
    Stage(("relay.idle",), check_long_call, ("relay.call",)),
)


def examine(subject: Subject) -> AsyncIterator[Finding]:
    """See STAGES."""
    if not subject.relay_url:
        checks = [check for stage in STAGES for check in stage.checks]
        return skipped(checks, "the relay's address is not known: make doctor ARGS='--relay wss://…'")
    return in_turn(STAGES, subject)
