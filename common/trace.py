"""One OpenTelemetry trace per call, over relay and functions; off unless OTEL_EXPORTER_OTLP_ENDPOINT is set.

Ids are derived from the CallSid, so that all parts put their spans into the same trace without exchanging anything:
requests of Exotel and webhooks of vendors carry no trace context of ours. The relay's events carry one too, in W3C
form. The SDK is imported only if tracing is on (requirements/tracing.txt).
"""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from common.env import Env, SettingError

if TYPE_CHECKING:
    from opentelemetry.context import Context

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_BITS_OF_TRACE, _BITS_OF_SPAN = 128, 64


def trace_id(call_sid: str) -> str:
    """32 hex digits, the same for the whole call."""
    return _digest(call_sid, _BITS_OF_TRACE)


def traceparent(call_sid: str) -> str:
    """The W3C header of a call's root span, sampled."""
    return f"00-{trace_id(call_sid)}-{_digest(f'{call_sid} root', _BITS_OF_SPAN)}-01"


def _digest(text: str, bits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[: bits // 4]


def enabled(environ: Mapping[str, str]) -> bool:
    """Whether tracing is on."""
    return bool(environ.get(ENDPOINT, "").strip())


class Tracing:
    """Exports the spans of one part.

    Never raises after construction: an unreachable collector costs spans, not calls.
    """

    def __init__(self, environ: Mapping[str, str], service: str) -> None:
        """Raises SettingError if the SDK is not installed."""
        env = Env(environ)
        self.words = env.boolean("TRACE_WORDS", default=False)
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.sdk.trace.sampling import ALWAYS_ON
        except ModuleNotFoundError as error:
            raise SettingError(
                ENDPOINT, environ.get(ENDPOINT), f"tracing to be installed (requirements/tracing.txt): {error}"
            ) from error
        endpoint = env.text(ENDPOINT).rstrip("/")
        self._ids = _generator()
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource.create({"service.name": env.text("OTEL_SERVICE_NAME") or service}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=10))
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer("exotel-agent-bridge")

    def span(
        self,
        name: str,
        start_ns: int,
        end_ns: int,
        *,
        parent: "Context",
        attributes: Mapping[str, Any],
        error: str = "",
        root_of: str = "",
    ) -> "Context":
        """Export a finished span; times in Unix nanoseconds. `root_of`: the CallSid whose root it is.

        Returns the context for spans below it.
        """
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        self._ids.wanted = int(traceparent(root_of).split("-")[2], 16) if root_of else 0
        known = {key: value for key, value in attributes.items() if value is not None}
        span = self._tracer.start_span(
            name,
            context=parent,
            start_time=start_ns,
            attributes=known,
            kind=SpanKind.SERVER if root_of else SpanKind.INTERNAL,
        )
        if error:
            span.set_status(Status(StatusCode.ERROR, error[:300]))
        span.end(max(start_ns, end_ns))
        return set_span_in_context(span)

    @staticmethod
    def of_call(call_sid: str, *, root: bool = False) -> "Context":
        """The context for spans of a call: below its root; for the root itself, only in its trace."""
        from opentelemetry.context import Context
        from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

        _, trace, span, _ = traceparent(call_sid).split("-")
        if root:  # its parent doesn't exist as a span: viewers show it at the top
            span = _digest(f"{call_sid} before", _BITS_OF_SPAN)
        parent = SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        return set_span_in_context(NonRecordingSpan(parent), Context())

    def flush(self, timeout_s: float) -> None:
        """Send waiting spans: a cloud may freeze a function as soon as it has answered."""
        self._provider.force_flush(round(timeout_s * 1000))

    def close(self) -> None:
        """Call at the end of the process."""
        self._provider.shutdown()


def _generator() -> Any:
    """Random span ids, except for the `wanted` one, by one thread at a time; imports the SDK."""
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        wanted = 0

        def generate_span_id(self) -> int:
            wanted, self.wanted = self.wanted, 0
            return wanted or super().generate_span_id()

    return Ids()
