"""What both Lambda entries share: settings with secrets by ARN, payload-2.0 events, log lines, metrics.

The log lines are those of docs/contracts.md, written by the Powertools logger so that each also carries the request's
id. Lines that are counted below become metrics in the embedded format too: no calls to CloudWatch, no agents.
"""

import logging
import os
import warnings
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from aws_lambda_powertools.utilities.typing import LambdaContext

from common.log_line import cleaned
from functions.common import log
from functions.common.http import JSON, Request, Response, request
from functions.common.log import LOGGER

App = TypeVar("App")
Event = dict[str, Any]
Entry = Callable[[Event, LambdaContext], Event]

# Powertools warns about requests without a metric; that warning would be a log line of another shape.
warnings.filterwarnings("ignore", message="No application metrics to publish")

_SECRET_MAX_AGE_S = 300  # a rotated secret is picked up within five minutes
_COUNTED = frozenset(
    {
        "webhook_received",
        "webhook_refused",
        "conversation_unverified",
        "relay_event_received",
        "exotel_refused",
        "connect_answered",
        "transfer_outcome",
        "transfer_missed",
        "store_failed",
        "internal_error",
        "sweep_done",
    }
)


class LambdaFunction(Generic[App]):
    """One Lambda. `build` makes the app from an environment that holds every secret under its own name."""

    def __init__(self, name: str, secrets: tuple[str, ...], build: Callable[[Mapping[str, str]], App]) -> None:
        self._secrets = secrets
        self._build = build
        self._built: tuple[dict[str, str], App] | None = None
        # Powertools takes over the standard logger of its name: the one that `functions.common.log` writes to.
        self._logger = Logger(
            service=LOGGER.name, level=os.environ.get("LOG_LEVEL") or "INFO", logger_formatter=_Lines()
        )
        self._metrics = Metrics(namespace="ExotelAgentBridge", service=name)
        LOGGER.addHandler(_Counter(self._metrics))

    def entry(self, answer: Callable[[App, Event], Event]) -> Entry:
        """Decorates the function that answers events with the app."""

        @self._logger.inject_lambda_context
        @self._metrics.log_metrics(capture_cold_start_metric=True, raise_on_empty_metrics=False)
        def handler(event: Event, context: LambdaContext) -> Event:
            return answer(self._app(), event)

        entry: Entry = handler
        return entry

    def _app(self) -> App:
        """The app, rebuilt only when a secret has changed. If secrets can't be read, the last app stays in use."""
        try:
            given = {
                name: str(parameters.get_secret(arn, max_age=_SECRET_MAX_AGE_S))
                for name in self._secrets
                if (arn := os.environ.get(f"{name}_ARN"))
            }
        except GetParameterError as error:
            if self._built is None:
                raise
            log.warning("secrets_unavailable", f"secrets are not refreshed: {error}")
            return self._built[1]
        if self._built is None or self._built[0] != given:
            self._built = given, self._build({**os.environ, **given})
        return self._built[1]


def to_request(event: Event) -> Request:
    """A Request from an HTTP API's event, with the exact bytes of the body, also if the API sent it as base64."""
    http = APIGatewayProxyEventV2(event)
    body = event.get("body") or ""
    raw = b64decode(body) if http.is_base64_encoded else body.encode()
    return request(http.http_method, http.raw_path, http.raw_query_string, http.headers, raw)


def to_result(response: Response) -> Event:
    """JSON as text, everything else (a sound) as base64."""
    packed = response.headers.get("content-type", JSON["content-type"]) != JSON["content-type"]
    return {
        "statusCode": response.status,
        "headers": dict(response.headers),
        "body": b64encode(response.body).decode() if packed else response.body.decode(),
        "isBase64Encoded": packed,
    }


class _Lines(LambdaPowertoolsFormatter):
    """Log lines with the contract's names instead of Powertools' own."""

    def __init__(self) -> None:
        super().__init__(utc=True, use_rfc3339=True)

    def serialize(self, log: dict[str, Any]) -> str:  # type: ignore[override]  # narrower than the library's LogRecord
        line = {
            "time": str(log.get("timestamp", "")).replace("+00:00", "Z"),
            "severity": log.get("level"),
            "event": log.get("event", log.get("service")),
            "message": log.get("message"),
            **log.get("fields", {}),
            "function_request_id": log.get("function_request_id"),
        }
        if "exception" in log:
            line["exception"] = str(log["exception"])
        return super().serialize(cleaned(line))


class _Counter(logging.Handler):
    """Counts log lines by event, and reads a value from two of them."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__()
        self._metrics = metrics

    def emit(self, record: logging.LogRecord) -> None:
        event, fields = getattr(record, "event", ""), getattr(record, "fields", {})
        if event not in _COUNTED:
            return
        self._metrics.add_metric(name=event, unit=MetricUnit.Count, value=1)
        if event == "connect_answered":
            self._metrics.add_metric(name="connect_waited", unit=MetricUnit.Seconds, value=fields["waited_s"])
        if event == "sweep_done":
            self._metrics.add_metric(name="sweep_failed", unit=MetricUnit.Count, value=fields["failed"])
