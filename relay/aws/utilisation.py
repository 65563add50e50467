"""How full a relay is, as the scaling on AWS wants to know it.

CloudWatch makes a metric of a log line that carries its embedded metric format, by the second where that is asked for:
no call to its API, no agent. Only a relay that takes calls says it: the average is then calls over capacity of those
that new calls can go to.
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
