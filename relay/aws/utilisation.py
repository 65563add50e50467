"""How full a relay is, for autoscaling on AWS.

CloudWatch makes a metric from a log line in its embedded metric format, per second if requested: no call to its API,
and no agent. Only a relay that takes calls reports it: so the average is calls over capacity of the relays that new
calls can go to.
"""

import time
from typing import Any, Final

NAME: Final = "Utilisation"
_BY_THE_SECOND: Final = 1


def utilisation(calls: int, max_calls: int) -> float:
    """Percent of the calls that a relay takes."""
    return round(100 * calls / max_calls, 1)


def embedded(namespace: str, percent: float) -> dict[str, Any]:
    """Fields for a log line that becomes the metric."""
    metric = {"Name": NAME, "Unit": "Percent", "StorageResolution": _BY_THE_SECOND}
    made = {"Namespace": namespace, "Dimensions": [[]], "Metrics": [metric]}
    return {"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [made]}, NAME: percent}
