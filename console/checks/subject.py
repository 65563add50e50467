"""What the doctor examines: settings, and the addresses of the parts."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import aiohttp

from console.checks.network import Network


@dataclass(frozen=True)
class Subject:
    """An empty address is unknown; checks that need it are skipped, and say so."""

    environ: Mapping[str, str]
    """The settings, as the relay and the functions are given them."""
    session: aiohttp.ClientSession
    """For every request the checks make; follows the operating system's trust store, as Exotel and vendors do."""
    relay_url: str = ""
    """`wss://…` as it is pasted into Exotel's applet, with its token."""
    connect_url: str = ""
    """The Connect applet's dynamic URL, with its `?token=`."""
    passthru_url: str = ""
    webhook_url: str = ""
    """Where the vendor posts its post-call webhook."""
    now: Callable[[], float] = time.time
    """Seconds since the epoch by this machine's clock."""
    network: Network = field(default_factory=Network)
    """For what is looked at below HTTP: names, certificates, protocols."""
    place_call: bool = True
    """Whether a test call may be placed: it reaches the default agent, and its vendor charges for the seconds."""
    long_call_s: float = 0.0
    """How long a call must live for no limit on the way to be suspected; 0 leaves this out."""
