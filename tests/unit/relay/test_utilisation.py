"""The utilisation that the scaling on AWS goes by, and a ramp of calls simulated with the scaling's own numbers.

The rules of the simulation: CloudWatch takes what tasks say every 15 seconds in a line that is some seconds late, and
judges each half minute; a step is made at most once a minute; a new task takes a minute to start and twenty seconds to
be healthy. Thresholds and steps are read from the Terraform files.
"""

import json
import math
import re
from dataclasses import dataclass

from relay.aws.utilisation import embedded, utilisation
from tests.terraform.hcl import INFRA, default

MODULE = INFRA / "modules/aws"
CALL_S, SAY_S, LATE_S, PERIOD_S, START_S = 180, 15, 10, 30, 80


def test_a_line_becomes_a_metric_by_the_second():
    """As CloudWatch's embedded metric format has it: the namespace, no dimension, the value under its name."""
    line = json.loads(json.dumps(embedded("voice-bridge", utilisation(24, 60))))
    (made,) = line["_aws"]["CloudWatchMetrics"]
    assert (made["Namespace"], made["Dimensions"]) == ("voice-bridge", [[]])
    assert made["Metrics"] == [{"Name": "Utilisation", "Unit": "Percent", "StorageResolution": 1}]
    assert line["Utilisation"] == 40.0
    assert line["_aws"]["Timestamp"] > 1_700_000_000_000


@dataclass
class Task:
    ready_at: float
    retired: bool = False
    calls: int = 0


def steps() -> list[tuple[float, float, float]]:
    """From and to, in points over the threshold, and percent of tasks added."""
    text = (MODULE / "relay.tf").read_text()
    policy = text.split('"aws_appautoscaling_policy" "out_on_calls"')[1].split("\nresource ")[0]
    assert '"PercentChangeInCapacity"' in policy
    found = []
    for block in policy.split("step_adjustment {")[1:]:
        given = dict(re.findall(r"(\w+) += (\d+)", block))
        upper = float(given.get("metric_interval_upper_bound", math.inf))
        found.append((float(given["metric_interval_lower_bound"]), upper, float(given["scaling_adjustment"])))
    return found


def per_task() -> int:
    """Calls that a task of the default size takes. The ramp was once judged with tasks twice as large."""
    (per_vcpu,) = re.findall(r"floor\(var\.relay_cpu \* (\d+) / 1024\)", (MODULE / "main.tf").read_text())
    return math.floor(default("aws", "relay_cpu") * int(per_vcpu) / 1024)


def ramp(from_calls: int, to_calls: int, over_s: int, *, lingering_counts: bool) -> tuple[int, int, float]:
    """Calls tried, calls refused, seconds from crossing the threshold to the first step.

    A deploy has just ended: two old tasks without a call wait out the balancer's hour. `lingering_counts`: what they
    say is part of the average, as it was.
    """
    most, threshold = per_task(), default("aws", "scale_out_percent")
    tasks = [Task(0), Task(0), Task(0, retired=True), Task(0, retired=True)]
    ends: list[tuple[float, Task]] = []
    said: list[tuple[float, float]] = []
    tried = refused = 0
    stepped_at, crossed_at, first_step_at = -math.inf, 0.0, 0.0
    for now in range(over_s + 300):
        for end in [end for end in ends if end[0] <= now]:
            ends.remove(end)
            end[1].calls -= 1
        able = [task for task in tasks if task.ready_at <= now and not task.retired]
        wanted = from_calls + (to_calls - from_calls) * min(1.0, now / over_s)
        while len(ends) < round(wanted):
            tried += 1
            task = min(able, key=lambda one: one.calls)
            if task.calls >= most:
                refused += 1
                break
            task.calls += 1
            # the first ones began at any time before
            ends.append((now + (CALL_S if now else (tried * CALL_S / from_calls)), task))
        if not crossed_at and 100 * len(ends) / (most * len(able)) >= threshold:
            crossed_at = now
        if now % SAY_S == 0:
            saying = able + ([task for task in tasks if task.retired] if lingering_counts else [])
            said += [(now + LATE_S, utilisation(task.calls, most)) for task in saying]
        if now % PERIOD_S == 0:
            values = [value for at, value in said if now - PERIOD_S < at <= now]
            average = sum(values) / len(values) if values else 0.0
            over = average - threshold
            if over >= 0 and now - stepped_at >= 60:
                percent = next(add for low, high, add in steps() if low <= over < high)
                serving = [task for task in tasks if not task.retired]
                tasks += [Task(now + START_S) for _ in range(max(1, math.floor(len(serving) * percent / 100)))]
                stepped_at, first_step_at = now, first_step_at or now
    return tried, refused, first_step_at - crossed_at


def test_a_ramp_right_after_a_deploy_refuses_nobody():
    tried, refused, reaction_s = ramp(10, 240, 600, lingering_counts=False)
    assert tried > 400
    assert refused / tried < 0.001
    assert reaction_s <= 60


def test_lingering_tasks_in_the_average_would_hide_it():
    """The fault: idle tasks of the release before halve the average, and nothing is added in time."""
    tried, refused, reaction_s = ramp(10, 240, 600, lingering_counts=True)
    assert refused / tried > 0.001 or reaction_s > 60
