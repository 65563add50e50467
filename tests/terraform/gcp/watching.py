"""What is measured and what asks for it: log-based metrics, PromQL, and the contract on log lines."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser

from tests.terraform.gcp.policy import Plan
from tests.terraform.gcp.workspace import ROOT

PREFIX = "logging_googleapis_com:user_voice_bridge_"

# Cloud Run's own metrics as PromQL spells them: whether a distribution, and their labels.
CLOUD_RUN = {
    "run_googleapis_com:request_count": (False, {"response_code", "response_code_class"}),
    "run_googleapis_com:container_instance_count": (False, {"state"}),
    "run_googleapis_com:container_cpu_utilizations": (True, set()),
    "run_googleapis_com:container_billable_instance_time": (False, set()),
    "run_googleapis_com:container_network_sent_bytes_count": (False, {"kind"}),
}
RESOURCE_LABELS = {"monitored_resource", "service_name", "revision_name", "configuration_name", "location", "le"}


@dataclass(frozen=True)
class LogMetric:
    """A metric made of log lines: of which event, and which fields it reads."""

    name: str
    event: str | None
    fields: frozenset[str]
    labels: frozenset[str]
    distribution: bool


def log_metrics(plan: Plan) -> dict[str, LogMetric]:
    metrics = {}
    for values in plan.all("google_logging_metric").values():
        event = re.search(r'jsonPayload\.event="(\w+)"', values["filter"])
        extractors = [*(values["label_extractors"] or {}).values(), values["value_extractor"] or "", values["filter"]]
        metrics[values["name"].split("/")[1]] = LogMetric(
            name=values["name"].split("/")[1],
            event=event and event[1],
            fields=frozenset(field for text in extractors for field in re.findall(r"jsonPayload\.(\w+)", text))
            - {"event"},
            labels=frozenset(label["key"] for label in values["metric_descriptor"][0]["labels"]),
            distribution=values["metric_descriptor"][0]["value_type"] == "DISTRIBUTION",
        )
    return metrics


def contract() -> dict[str, set[str]]:
    """Event → fields of its log line, from docs/contracts.md."""
    text = (ROOT / "docs/contracts.md").read_text()
    table = text.split("## Log lines that metrics are made of")[1].split("\n## ")[0]
    fields: dict[str, set[str]] = {}
    for row in table.split("|---|", 1)[1].splitlines():
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if len(cells) == 3 and re.fullmatch(r"`\w+`", cells[0]):
            fields[cells[0].strip("`")] = set(re.findall(r"`(\w+)`", cells[2]))
    quality = text.split("\n`quality`:")[1].split("\n\n")[0]
    fields["call_ended"] |= set(re.findall(r"`(\w+)`", quality))
    return fields


def queries(plan: Plan) -> Iterator[tuple[str, str]]:
    """Where it stands, and the PromQL."""
    for address, policy in plan.all("google_monitoring_alert_policy").items():
        for condition in policy["conditions"][0]["condition_prometheus_query_language"]:
            yield address, condition["query"]
    dashboard = json.loads(plan.one("google_monitoring_dashboard", ".calls")["dashboard_json"])
    for tile in dashboard["mosaicLayout"]["tiles"]:
        for line in tile["widget"]["xyChart"]["dataSets"]:
            yield tile["widget"]["title"], line["timeSeriesQuery"]["prometheusQuery"]


def problems(query: str, metrics: dict[str, LogMetric]) -> list[str]:
    """Sentences on what is wrong with a query: syntax, unknown metrics, labels that a metric does not have."""
    try:
        expression = promql_parser.parse(query)
    except ValueError as error:
        return [f"not PromQL: {error}"]
    found: list[str] = []
    labels: set[str] = set(RESOURCE_LABELS)
    asked: set[str] = set()

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            known, problem = _known(node.name or "", metrics)
            labels.update(known)
            found.extend(problem)
            names = {matcher.name for matcher in node.matchers.matchers}
            found.extend(f"{node.name} has no label {name}" for name in names - known - RESOURCE_LABELS)
            if "monitored_resource" not in names:
                found.append(f"{node.name}: Monitoring wants monitored_resource named")
        elif isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            asked.update(node.modifier.labels)

    promql_parser.walk(expression, visit)
    return found + [f"nothing in the query has the label {label}" for label in asked - labels]


def _known(name: str, metrics: dict[str, LogMetric]) -> tuple[set[str], list[str]]:
    """Labels of the metric that a selector names, and what is wrong with the name."""
    base = re.sub(r"_(sum|count|bucket)$", "", name)
    for candidate in (name, base):
        if candidate in CLOUD_RUN:
            distribution, labels = CLOUD_RUN[candidate]
        elif candidate.removeprefix(PREFIX) in metrics and candidate.startswith(PREFIX):
            metric = metrics[candidate.removeprefix(PREFIX)]
            distribution, labels = metric.distribution, set(metric.labels)
        else:
            continue
        if distribution == (candidate == name):
            return labels, [f"{name} is {'a' if distribution else 'no'} distribution"]
        return labels, []
    return set(), [f"there is no metric {name}"]
