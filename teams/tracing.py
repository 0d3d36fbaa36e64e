"""Traces of the agents' work by OpenTelemetry: AutoGen's own spans, sent only if the user's environment names an endpoint."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_CONTENTS = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_MISSING = 'Traces are not sent: pip install "opentelemetry-sdk<1.40" "opentelemetry-exporter-otlp-proto-http<1.40"'
_HELD = ("message", "content", "arguments", "result", "description")  # parts of names of attributes that hold what was said


@contextmanager
def tracing(environment: Mapping[str, str], notify: Callable[[str], None]) -> Iterator[None]:
    """Send spans to the endpoint that the environment names, if any, and send what is left at the end.

    `environment` is the process's own, without .env: a folder must not be able to send traces anywhere. What was said is left out of the
    spans unless the environment asks for it with OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true.
    """
    if not any(environment.get(name) for name in _ENDPOINTS) or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        yield
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        notify(_MISSING)
        yield
        return

    class Quiet(BatchSpanProcessor):
        """Drops the attributes that hold what was said."""

        def on_end(self, span: ReadableSpan) -> None:
            kept = {name: value for name, value in (span.attributes or {}).items() if not any(part in name for part in _HELD)}
            span._attributes, span._events = kept, ()  # events hold the texts of errors
            super().on_end(span)

    wanted = environment.get(_CONTENTS, "").lower() == "true"
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # an endpoint that does not answer is no matter for the screen
    provider = TracerProvider(resource=Resource.create({"service.name": environment.get("OTEL_SERVICE_NAME", "multi-agent-codegen")}))
    provider.add_span_processor((BatchSpanProcessor if wanted else Quiet)(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()
