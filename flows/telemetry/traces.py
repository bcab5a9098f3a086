"""Traces: a span for a run and one for each stage, where a collector is named and an exporter installed.

The idea: the provider is our own and not the global one, so what other libraries would tell (parameters, the
words of errors) is not sent; where nothing is asked for, nothing is loaded. Reading is worth more than being
told of it: a setting that cannot be costs the spans and one line of warning, and not the run.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.telemetry.events import Fact

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
EXPORTERS = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
)
"""Modules that can send spans; the first that is installed does."""
FLUSH_MS = 5000
"""How long the end of a run waits for spans to be sent."""
_ADDRESS = r"https?://[^\s/]+\S*"
_SETTINGS = {
    ENDPOINT: (_ADDRESS, "an address such as http://collector:4318"),
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": (_ADDRESS, "an address such as http://collector:4318/v1/traces"),
    **dict.fromkeys(
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"),
        (r"\d+(\.\d+)?", "a number of seconds"),
    ),
    **dict.fromkeys(
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION"),
        ("(?i:none|gzip|deflate)", "none, gzip or deflate"),
    ),
    **dict.fromkeys(
        ("OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT"), (r"\d+", "a number of milliseconds")
    ),
    **dict.fromkeys(
        ("OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"), (r"[1-9]\d*", "a number of spans")
    ),
}
"""What a variable of the environment may be, and what to give."""
_log = logging.getLogger("nightread")


class Traces:
    """The spans of one run."""

    def __init__(self, run: str) -> None:
        self.run = run
        self._tracer, self._provider = _tracer()

    @property
    def sent(self) -> bool:
        """Whether spans go anywhere."""
        return self._tracer is not None

    @contextmanager
    def span(self, name: str) -> Iterator[dict[str, "Fact"]]:
        """A span around the block; what is put into the dictionary it yields becomes its attributes."""
        facts: dict[str, Fact] = {}
        if self._tracer is None:
            yield facts
            return
        quiet = {"record_exception": False, "set_status_on_exception": False}
        with self._tracer.start_as_current_span(name, **quiet) as span:
            try:
                yield facts
            except BaseException as error:
                trace = import_module("opentelemetry.trace")
                span.set_status(trace.Status(trace.StatusCode.ERROR, type(error).__name__))
                raise
            finally:
                span.set_attributes(_attributes({"run": self.run, **facts}))

    def close(self) -> None:
        """Send what is left."""
        if self._provider is not None:
            self._provider.force_flush(FLUSH_MS)
            self._provider.shutdown()


def _attributes(facts: Mapping[str, "Fact"]) -> dict[str, "Fact"]:
    return {f"nightread.{name}": value for name, value in facts.items()}


def _tracer() -> tuple[Any, Any]:
    """A tracer with its provider; None where no collector is named or nothing can send."""
    if not os.environ.get(ENDPOINT) or not (module := next(filter(_installed, EXPORTERS), "")):
        return None, None
    if why := wrong(os.environ):
        _log.warning("traces are not sent in this run: %s", why)
        return None, None
    try:
        return _provided(module)
    except Exception as error:  # whatever the exporter does not like: it is no reason not to read
        names = ", ".join(sorted(name for name in os.environ if name.startswith("OTEL_")))
        kind = type(error).__name__
        _log.warning("traces are not sent in this run: %s (%s); check %s, or unset them", error, kind, names)
        return None, None


def wrong(settings: Mapping[str, str]) -> str:
    """The first variable whose value cannot be, and what to do about it; "" where all can."""
    for name, (form, what) in _SETTINGS.items():
        value = settings.get(name, "").strip()
        if value and not re.fullmatch(form, value):
            shown = re.sub(r"[^/@\s]*@", "***@", value)  # a password may stand before the host
            return f"{name}={shown}: give {what}, or unset {ENDPOINT}"
    return ""


def _provided(module: str) -> tuple[Any, Any]:
    """A tracer whose spans the exporter of this module sends, with its provider."""
    sdk, export = import_module("opentelemetry.sdk.trace"), import_module("opentelemetry.sdk.trace.export")
    resource = import_module("opentelemetry.sdk.resources").Resource
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "nightread"}
    provider = sdk.TracerProvider(resource=resource.create(named))
    provider.add_span_processor(export.BatchSpanProcessor(import_module(module).OTLPSpanExporter()))
    return provider.get_tracer("nightread"), provider


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it is not there
        return False
