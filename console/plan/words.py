"""A plan in words: its assumptions, and notes on it."""

from collections.abc import Sequence

from common.prices import Prices
from console.costs import cost
from console.costs.cost import Plan
from console.costs.load import HEADER_BYTES, RECORDS, Load, Measured
from console.costs.sizing import Sizing
from console.words import counted

SPARE_SESSIONS = 0.05
MAX_RELAYS = 10  # relay_max_tasks and relay_max_instances of the Terraform roots
NAMES = {"aws": "AWS", "gcp": "Google Cloud"}
SETTINGS = {"aws": ("relay_min_tasks", "relay_max_tasks"), "gcp": ("relay_min_instances", "relay_max_instances")}


def agent_sessions(load: Load) -> int:
    """Concurrent conversations at the vendor: during a failover, or when Exotel retries, a call has two."""
    return load.calls + -int(-load.calls * SPARE_SESSIONS // 1)


def egress_mbit(load: Load, measured: Measured) -> float:
    """Megabits per second sent by all relays at the peak."""
    return load.calls * measured.out_bytes(load) * 8 / 60 / 1e6


def assumptions(load: Load, measured: Measured, prices: Prices) -> Sequence[str]:
    """One line each, with its option in brackets if there is one."""
    agent = "the line's own 8 kHz" if load.agent_rate == 8000 else "16 kHz, resampled"
    lines = [
        f"Relay: {measured.cpu_ms_of(load):.2f} ms of CPU a call-second, {measured.call_kib_of(load):.0f} KiB a call, "
        f"measured on {measured.machine}, {measured.date}; a cloud's vCPU is taken for that core (--measured).",
        f"The agent speaks {agent} (--agent-rate), {'with' if load.tls else 'without'} TLS (--tls).",
        f"{load.headroom:.0%} of CPU and memory stays free (--headroom).",
        f"Sound: {measured.out_bytes(load) / 1e6:.2f} MB a minute out, {measured.from_line / 1e6:.2f} MB in, with "
        f"{HEADER_BYTES} bytes of headers a message; an ambience that always sounds.",
        f"At the busiest moment {counted(load.calls, 'call')} (--at-once), derived from {load.peaks} days a month "
        "(--peaks) whose busiest hour has a share of the day's calls (--busy-share).",
        f"A call lasts {counted(load.call_minutes, 'minute')} (--call-minutes), makes {cost.REQUESTS_A_CALL} "
        f"requests of {cost.REQUEST_S:g} s, {cost.WRITES_A_CALL} writes, {cost.LOG_BYTES // 1000} kB of log and "
        f"{cost.KEPT_BYTES // 1000} kB kept for {cost.KEPT_MONTHS} months.",
        f"A call tells {cost.PROGRESS_A_MINUTE} times a minute how far it is, each a request of {cost.PROGRESS_S:g} s, "
        f"{cost.READS_A_PROGRESS} reads and a write: for 1,000 minutes {cost.progress_usd('aws', prices, 1000):.2f} on "
        f"AWS, {cost.progress_usd('gcp', prices, 1000):.2f} on Google Cloud. PROGRESS_SECONDS=0 turns it off.",
        f"{load.peaks} peaks a month (--peaks), after each of which added relays run on for a while; the minutes fall "
        "where they cost most, so compute is an upper bound.",
        "A deploy runs old and new relays side by side for up to an hour: that hour is not counted.",
        "What an account gets free each month is taken off once (--no-free-tier)."
        if load.free_tier
        else "What an account gets free each month is not taken off (--free-tier), but for ten metrics and ten alarms.",
        "A domain of your own." if load.domain else "No domain: the clouds' own names (--domain).",
    ]
    if RECORDS[load.record]:
        lines.append(
            f"Recordings (--record {load.record}) in pieces of {cost.PIECE_S} s, kept for {cost.KEPT_MONTHS} months."
        )
    if sentence := unverified(prices):
        lines.append(f"UNVERIFIED PRICES: {sentence} Put yours into a file (--prices).")
    parts = {item.part for item in cost.minutes_of(prices, load)}
    if missing := [name for name in cost.MINUTES if name not in parts]:
        names = " and ".join(missing)
        lines.append(f"Infrastructure only: the minutes of {names} are not in it; --vendor or --prices adds them.")
    elif prices.minute("agent") is None:
        lines.append(
            f"The minutes of Exotel and of {load.vendor} are at list prices (--vendor), not at what you pay (--prices)."
        )
    return lines


def unverified(prices: Prices) -> str:
    """A sentence about unchecked prices; empty if all were checked."""
    dates = [price.date for _, price in prices.all() if not price.verified]
    if not dates:
        return ""
    return f"{len(dates)} of {len(list(prices.all()))} prices are as known on {max(dates)}, checked against no bill."


def advice(plan: Plan, load: Load) -> Sequence[str]:
    """What to set, and what to know, for this load on this cloud."""
    sizing, lines = plan.sizing, []
    least, most = SETTINGS[plan.cloud]
    if sizing.carries < sizing.unit.max_calls:
        why = "CPU" if sizing.by_cpu <= sizing.by_memory else "memory"
        lines.append(
            f"Set relay_max_calls = {sizing.carries}: with {sizing.unit.max_calls}, the default, a full relay would "
            f"have less {why} to spare than wanted."
        )
    if sizing.relays > MAX_RELAYS:
        lines.append(f"Set {most} = {sizing.relays}: the default is {MAX_RELAYS}.")
    lines.append(_loss(plan.cloud, sizing, load, least))
    return lines


def _loss(cloud: str, sizing: Sizing, load: Load, least: str) -> str:
    if cloud == "gcp":
        return (
            f"An instance that is lost takes its calls with it, up to {min(load.calls, sizing.carries)}; Cloud Run "
            f"starts another in some zone. {least} = 2 halves that, and doubles what always runs."
        )
    if sizing.left_after_loss >= load.calls:
        return (
            f"If a zone is lost at the peak, what is left carries all of {counted(load.calls, 'call')} that come again."
        )
    return (
        f"If a zone is lost at the peak, what is left carries {sizing.left_after_loss} of "
        f"{counted(load.calls, 'call')} that come "
        f"again, until ECS has replaced the tasks; {least} = {sizing.for_zone} carries all."
    )
