"""Monthly costs on each cloud, by part: exactly what infra/terraform/{aws,gcp} builds.

Every line shows its arithmetic, and lines are rounded to cents before they are summed, so the table adds up. The same
arithmetic is in docs/aws.md and docs/gcp.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from common.prices import Price, Prices
from console.costs.load import GIB, HOURS, RECORDS, Load, Measured
from console.costs.sizing import Sizing, Unit, added_hours, size

REQUESTS_A_CALL, REQUEST_S, LAMBDA_GIB = 8, 0.3, 0.5
PROGRESS_A_MINUTE, PROGRESS_S, READS_A_PROGRESS = 11, 0.1, 2
"""Progress events of a call (docs/live.md), counted in a call in which both sides take turns; each is a request, two
reads and a write."""
WRITES_A_CALL, KEPT_BYTES, KEPT_MONTHS = 25, 50_000, 12
PIECE_S, PIECES_A_LEAVE, RECORDED_BYTES_S = 8, 8, 8000
"""Recordings (docs/recordings.md): each piece is a write, and a read when the sweep joins them; a side is 8 kB a
second; upload URLs for eight pieces are one request."""
LOG_BYTES = 30_000
AWS_SECRETS, AWS_METRICS, AWS_ALARMS, IMAGE_GIB = 8, 17, 21, 2
"""Metrics and alarms beyond the ten of each that are free (docs/aws.md); a half-minute alarm counts as three."""
GCP_ALARMS, WARM_GIB = 21, 0.5
QUARTER, FIVE_MINUTES = 1 / 4, 1 / 12


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the bill, in dollars a month."""

    part: str
    what: str
    arithmetic: str
    usd: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A cloud's relays and bill."""

    cloud: str
    sizing: Sizing
    items: Sequence[Item]

    @property
    def usd(self) -> float:
        """Total per month, as shown."""
        return round(sum(item.usd for item in self.items), 2)

    @property
    def infrastructure_usd(self) -> float:
        """Per month, without the minutes of Exotel and of the agent's vendor."""
        return round(sum(item.usd for item in self.items if item.part not in MINUTES), 2)

    @property
    def is_whole(self) -> bool:
        """Whether the sum includes the minutes, which are most of it."""
        return {item.part for item in self.items} >= set(MINUTES)

    def by_part(self) -> dict[str, float]:
        """Part → dollars a month."""
        parts: dict[str, float] = {}
        for item in self.items:
            parts[item.part] = round(parts.get(item.part, 0.0) + item.usd, 2)
        return parts


class _Bill:
    """Collects items; with the free tier, deducts what is free per account."""

    def __init__(self, prices: Prices, section: str, load: Load) -> None:
        self.items: list[Item] = []
        self._prices = prices
        self._section = section
        self._free = load.free_tier

    def add(self, part: str, what: str, units: float, name: str, formula: str) -> None:
        """`formula` shows how the units were computed."""
        self.add_price(part, what, units, self._prices.of(self._section, name), formula)

    def add_price(self, part: str, what: str, units: float, price: Price, formula: str) -> None:
        free = min(units, price.free) if self._free else 0.0
        less = f" less {free:,.6g} free" if free else ""
        self.items.append(
            Item(part, what, f"({formula}{less}) × {price.value:.10g}", round((units - free) * price.value, 2))
        )


def aws_unit(cpu: int = 512, memory_mib: int = 1024) -> Unit:
    """As infra/terraform/aws builds it: 100 calls per vCPU, another task at 50 % of them, at least two."""
    return Unit("AWS task", cpu / 1024, memory_mib, cpu * 100 // 1024, least=2, zones=2, add_at=0.5)


def gcp_unit(memory_mib: int = 1024) -> Unit:
    """As infra/terraform/gcp builds it: one vCPU, 100 calls, another instance when all are full, at least one."""
    return Unit("Google Cloud instance", 1.0, memory_mib, 100, least=1, zones=1, add_at=1.0)


def plan_aws(load: Load, measured: Measured, prices: Prices, unit: Unit | None = None) -> Plan:
    """Fargate in two zones behind a load balancer and, without a domain, CloudFront; Lambda; S3."""
    sizing = size(unit or aws_unit(), load, measured)
    vcpu, gib, least = sizing.unit.vcpu, sizing.unit.memory_mib / 1024, sizing.unit.least
    # Tasks are removed one by one: after a quarter of an hour of low load, then every five minutes.
    added = added_hours(sizing, load, QUARTER + FIVE_MINUTES * max(0, sizing.added - 1) / 2)
    out, back = _gib(load, measured.out_bytes(load)), _gib(load, measured.from_line)
    through = _gib(load, measured.to_line + measured.from_line)
    bill = _Bill(prices, "aws", load)
    always, extra = f"{least} × {HOURS} × ", f"{added:,.1f} × "
    bill.add("relay", "CPU of the tasks that always run", least * HOURS * vcpu, "fargate_vcpu", f"{always}{vcpu:g}")
    bill.add("relay", "their memory", least * HOURS * gib, "fargate_gib", f"{always}{gib:g}")
    if sizing.added:
        bill.add("relay", "CPU of the tasks of busy hours", added * vcpu, "fargate_vcpu", f"{extra}{vcpu:g}")
        bill.add("relay", "their memory", added * gib, "fargate_gib", f"{extra}{gib:g}")
    addresses = (least + sizing.unit.zones) * HOURS + added
    bill.add("relay", "public addresses of tasks and balancer", addresses, "address", f"{addresses:,.0f}")
    bill.add("balancer", "load balancer", HOURS, "balancer", f"{HOURS}")
    bill.add("balancer", "its units, one a GiB", through, "balancer_unit", f"{through:,.2f}")
    if load.domain:
        bill.add("balancer", "zone of the domain", 1, "dns_zone", "1")
    else:
        bill.add("balancer", "callers' sound, CloudFront to us", back, "cloudfront_origin", f"{back:,.2f}")
    bill.add("traffic", "sound to Exotel and to the agent", out, "internet", f"{out:,.2f}")
    requests, progress = _requests(load), load.minutes * PROGRESS_A_MINUTE
    each = f"{requests:,.0f} + {progress:,.0f}"
    bill.add("functions", "requests to the API", requests + progress, "api_request", each)
    bill.add("functions", "requests to the Lambdas", requests + progress, "lambda_request", each)
    seconds, formula = _worked(requests, progress)
    worked, formula = seconds * LAMBDA_GIB, f"({formula}) × {LAMBDA_GIB:g}"
    bill.add("functions", "work of the Lambdas", worked, "lambda_gib_second", formula)
    _storage(bill, load)
    bill.add("storage", "images", IMAGE_GIB, "image_gib", f"{IMAGE_GIB}")
    bill.add("logs", "metrics beyond ten", AWS_METRICS, "metric", f"{AWS_METRICS}")
    bill.add("logs", "alarms beyond ten", AWS_ALARMS, "alarm", f"{AWS_ALARMS}")
    bill.add("secrets", "secrets", AWS_SECRETS, "secret", f"{AWS_SECRETS}")
    return Plan("aws", sizing, [*bill.items, *minutes_of(prices, load)])


def plan_gcp(load: Load, measured: Measured, prices: Prices, unit: Unit | None = None) -> Plan:
    """Cloud Run, billed by the instance; Cloud Functions, one of them kept warm; Cloud Storage."""
    sizing = size(unit or gcp_unit(), load, measured)
    vcpu, gib, least = sizing.unit.vcpu, sizing.unit.memory_mib / 1024, sizing.unit.least
    added = added_hours(sizing, load, QUARTER)
    seconds = (least * HOURS + added) * 3600
    month = HOURS * 3600
    out = _gib(load, measured.out_bytes(load))
    bill = _Bill(prices, "gcp", load)
    bill.add("relay", "CPU of the instances", seconds * vcpu, "run_vcpu", f"{seconds:,.0f} × {vcpu:g}")
    bill.add("relay", "their memory", seconds * gib, "run_gib", f"{seconds:,.0f} × {gib:g}")
    if load.domain:
        bill.add("balancer", "rule of the domain's balancer", HOURS, "balancer_rule", f"{HOURS}")
    bill.add("traffic", "sound to Exotel and to the agent", out, "internet", f"{out:,.2f}")
    bill.add("functions", "CPU of the transfer function kept warm", month, "warm_vcpu", f"{month:,}")
    bill.add("functions", "its memory", month * WARM_GIB, "warm_gib", f"{month:,} × {WARM_GIB:g}")
    worked, formula = _worked(_requests(load), load.minutes * PROGRESS_A_MINUTE)
    bill.add("functions", "work of the functions", worked, "function_second", formula)
    _storage(bill, load)
    bill.add("storage", "images and archives", IMAGE_GIB, "image_gib", f"{IMAGE_GIB}")
    bill.add("logs", "alarms", GCP_ALARMS, "alarm", f"{GCP_ALARMS}")
    return Plan("gcp", sizing, [*bill.items, *minutes_of(prices, load)])


def _requests(load: Load) -> float:
    """Requests to the functions per month, without progress reports."""
    leaves = load.minutes * 60 / PIECE_S / PIECES_A_LEAVE if RECORDS[load.record] else 0.0
    return load.calls_a_month * REQUESTS_A_CALL + leaves


def _worked(requests: float, progress: float) -> tuple[float, str]:
    """Seconds of the functions' work per month, and their formula."""
    formula = f"{requests:,.0f} × {REQUEST_S:g} + {progress:,.0f} × {PROGRESS_S:g}"
    return requests * REQUEST_S + progress * PROGRESS_S, formula


def progress_usd(cloud: str, prices: Prices, minutes: float) -> float:
    """Cost of the progress reports of this many minutes, without the free tier."""
    of = {name: prices.of(cloud, name).value for name in ("bucket_write", "bucket_read")}
    each = of["bucket_write"] + READS_A_PROGRESS * of["bucket_read"]
    if cloud == "aws":
        each += prices.of(cloud, "api_request").value + prices.of(cloud, "lambda_request").value
        each += PROGRESS_S * LAMBDA_GIB * prices.of(cloud, "lambda_gib_second").value
    else:
        each += PROGRESS_S * prices.of(cloud, "function_second").value
    return minutes * PROGRESS_A_MINUTE * each


def _storage(bill: _Bill, load: Load) -> None:
    """Bucket and logs are the same on both clouds except for the price."""
    calls = load.calls_a_month
    kept = calls * KEPT_BYTES * KEPT_MONTHS / GIB
    logged = calls * LOG_BYTES / GIB
    progress = load.minutes * PROGRESS_A_MINUTE
    writes, reads = calls * WRITES_A_CALL + progress, progress * READS_A_PROGRESS
    formula = f"{calls:,.0f} × {WRITES_A_CALL} + {progress:,.0f}"
    bill.add("storage", "writes to the bucket", writes, "bucket_write", formula)
    formula = f"{progress:,.0f} × {READS_A_PROGRESS}"
    bill.add("storage", "reads for what running calls tell", reads, "bucket_read", formula)
    bill.add("storage", "what is kept in it", kept, "bucket_gib", f"{kept:,.3f}")
    if sides := RECORDS[load.record]:
        pieces = load.minutes * 60 / PIECE_S + calls
        bill.add("storage", "pieces of recordings, and files", pieces, "bucket_write", f"{pieces:,.0f}")
        bill.add("storage", "… read to be joined and compared", pieces, "bucket_read", f"{pieces:,.0f}")
        sound = load.minutes * 60 * RECORDED_BYTES_S * sides * KEPT_MONTHS / GIB
        formula = f"{load.minutes:,.0f} × 60 × {RECORDED_BYTES_S * sides:,} × {KEPT_MONTHS} / {GIB:,}"
        bill.add("storage", "recordings kept", sound, "bucket_gib", formula)
    bill.add("logs", "log", logged, "log_gib", f"{logged:,.4f}")


MINUTES = ("exotel", "agent")
"""Parts that are not infrastructure: the minutes of Exotel and of the agent's vendor."""


def minutes_of(prices: Prices, load: Load) -> list[Item]:
    """The minutes of Exotel and the vendor, by a price file, else at list price if a vendor is named."""
    exotel = prices.minute("exotel") or (prices.minute("exotel_list") if load.vendor else None)
    agent = prices.minute("agent") or (prices.minute(load.vendor) if load.vendor else None)
    # Exotel rounds a call up to a whole minute: half a minute more on average.
    started = load.minutes + load.calls_a_month / 2
    items = []
    if exotel:
        formula = f"({load.minutes:,.0f} + {load.calls_a_month:,.0f} / 2) × {exotel.value:.10g}"
        items.append(Item("exotel", "started minutes", formula, round(started * exotel.value, 2)))
    if agent:
        formula = f"{load.minutes:,.0f} × {agent.value:.10g}"
        whose = f"minutes of {load.vendor or 'the agent'}"
        items.append(Item("agent", whose, formula, round(load.minutes * agent.value, 2)))
    return items


def _gib(load: Load, bytes_a_minute: float) -> float:
    return load.minutes * bytes_a_minute / GIB
