"""What Google would make of log lines: logging filters, metrics made of them, and the alerts' PromQL, read as far as
ours go.

A series is there or not; it has one value, because each query sums. Queries that ask for Cloud Run's own metrics get
them from `given`.
"""

import re
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import promql_parser as promql

from tests.terraform.gcp.policy import Plan
from tests.terraform.gcp.watching import PREFIX
from tests.terraform.log_lines import value_at

_COMPARED = {
    **{"==": lambda left, right: left == right, "<": lambda left, right: left < right},
    **{">=": lambda left, right: left >= right, ">": lambda left, right: left > right},
}


def logged(service: str, **payload: Any) -> dict[str, Any]:
    """A line as Cloud Logging keeps it; `ago_s` seconds old."""
    return {
        "resource": {"type": "cloud_run_revision", "labels": {"service_name": service}},
        "log_id": payload.pop("log_id", "run.googleapis.com/stdout"),
        "severity": payload.pop("severity", "INFO"),
        "ago_s": payload.pop("ago_s", 60),
        **({"protoPayload": payload.pop("protoPayload")} if "protoPayload" in payload else {"jsonPayload": payload}),
    }


def passes(filter_: str, line: Mapping[str, Any]) -> bool:
    """Whether a line passes a filter of comparisons joined by AND."""
    return all(_holds(one, line) for one in filter_.split(" AND "))


def _holds(comparison: str, line: Mapping[str, Any]) -> bool:
    if named := re.fullmatch(r'log_id\("(.+)"\)', comparison):
        return line["log_id"] == named[1]
    found = re.fullmatch(r"([\w.]+)(=|>=|:)(.+)", comparison)
    assert found, comparison
    path, operator, wanted = found.groups()
    value = value_at(line, path)
    if value is None:
        return False
    if path == "severity":
        order = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
        return order.index(value) >= order.index(wanted)
    if operator == ">=":
        return isinstance(value, int | float) and value >= float(wanted)
    several = re.findall(r'"([^"]*)"', wanted)
    return any(one in value if operator == ":" else one == value for one in several)


@dataclass(frozen=True)
class World:
    """Log lines, Cloud Run's own metrics by name, and the hour and weekday (0 is Sunday)."""

    plan: Plan
    lines: list[dict[str, Any]]
    given: Mapping[str, float]
    hour: int = 9
    day: int = 2

    def rings(self, alert: str) -> bool:
        """Whether the alert's query gives anything."""
        (condition,) = self.plan.one("google_monitoring_alert_policy", f'["{alert}"]')["conditions"]
        return self._value(promql.parse(condition["condition_prometheus_query_language"][0]["query"])) is not None

    def _value(self, node: Any) -> float | None:
        match node:
            case promql.NumberLiteral():
                return float(node.val)
            case promql.ParenExpr() | promql.AggregateExpr():
                return self._value(node.expr)
            case promql.BinaryExpr():
                return self._binary(str(node.op), self._value(node.lhs), self._value(node.rhs))
            case promql.Call():
                return self._call(node.func.name, node.args)
        raise AssertionError(f"what is {node!r}?")

    def _binary(self, operator: str, left: float | None, right: float | None) -> float | None:
        if operator == "or":
            return right if left is None else left
        if operator == "unless":
            return left if right is None else None
        if left is None or right is None:
            return None
        if operator in _COMPARED:
            return left if _COMPARED[operator](left, right) else None
        return {"and": left, "+": left + right, "-": left - right, "%": left % (right or 1)}[operator]

    def _call(self, name: str, arguments: list[Any]) -> float | None:
        match name:
            case "vector":
                return self._value(arguments[0])
            case "hour":
                return float(self.hour)
            case "day_of_week":
                return float(self.day)
            case "histogram_quantile":
                values = self._samples(arguments[1].expr.args[0])
                return statistics.median(values) if values else None
            case "increase" | "max_over_time":
                values = self._samples(arguments[0])
                return sum(values) if values else None
            case "absent_over_time":
                return None if self._samples(arguments[0]) else 1.0
        raise AssertionError(f"what is {name}?")

    def _samples(self, matrix: Any) -> list[float]:
        """Of each line in the window, what it counts for."""
        selector = matrix.vector_selector
        if not selector.name.startswith(PREFIX):
            return [self.given[selector.name]] if selector.name in self.given else []
        base = re.sub(r"_(sum|bucket)$", "", selector.name.removeprefix(PREFIX))
        metric = self.plan.one("google_logging_metric", f'.event["{base}"]')
        begin = selector.offset or timedelta()
        begin_s = begin.total_seconds() if isinstance(begin, timedelta) else float(begin)
        labels = metric["label_extractors"] or {}
        found = []
        for line in self.lines:
            if not begin_s <= line["ago_s"] < begin_s + matrix.range.total_seconds():
                continue
            if not passes(metric["filter"], line):
                continue
            values = {label: str(_extracted(extract, line)) for label, extract in labels.items()}
            if all(_fits(one, values) for one in selector.matchers.matchers if one.name in values):
                value = metric["value_extractor"]
                found.append(float(_extracted(value, line)) if value else 1.0)
        return found


def _extracted(extract: str, line: Mapping[str, Any]) -> Any:
    found = re.fullmatch(r"EXTRACT\((jsonPayload\.[\w.]+)\)", extract)
    assert found, extract
    return value_at(line, found[1])


def _fits(matcher: Any, values: Mapping[str, str]) -> bool:
    same = values[matcher.name] == matcher.value
    return same if "NotEqual" not in str(matcher.op) else not same
