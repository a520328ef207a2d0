"""W3C trace context: one trace id for a request, wherever it travels.

Source: https://www.w3.org/TR/trace-context/ (version 00).
"""

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass

from opentelemetry import trace

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_INVALID = ("0" * 32, "0" * 16)


@dataclass(frozen=True, slots=True)
class TraceContext:
    trace_id: str
    span_id: str
    flags: str = "01"

    def traceparent(self) -> str:
        """Format the header that a call made for this request carries."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


_current: ContextVar[TraceContext | None] = ContextVar("trace", default=None)


def begin(traceparent: str | None) -> TraceContext:
    """Continue the caller's trace, or start one where the header is absent or malformed.

    Where OpenTelemetry is on, its span of the request is the one that is continued.
    """
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        context = TraceContext(
            trace.format_trace_id(span.trace_id),
            trace.format_span_id(span.span_id),
            f"{span.trace_flags:02x}",
        )
        _current.set(context)
        return context
    match = _TRACEPARENT.fullmatch(traceparent or "")
    span_id = secrets.token_hex(8)
    if match and match[1] != _INVALID[0] and match[2] != _INVALID[1]:
        context = TraceContext(match[1], span_id, match[3])
    else:
        context = TraceContext(secrets.token_hex(16), span_id)
    _current.set(context)
    return context


def current_trace_id() -> str:
    """Return the trace id of the request being served, or an empty string outside of one."""
    context = _current.get()
    return context.trace_id if context else ""


def outgoing_headers() -> dict[str, str]:
    """Return the headers that pass the current trace on to another service."""
    context = _current.get()
    return {"traceparent": context.traceparent()} if context else {}
