import asyncio
import contextvars

import pytest

from artstore_kit import tracing

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


def test_a_callers_trace_is_continued_under_a_span_of_our_own() -> None:
    context = tracing.begin(f"00-{TRACE}-{SPAN}-01")

    assert context.trace_id == TRACE == tracing.current_trace_id()
    assert context.span_id != SPAN
    assert tracing.outgoing_headers() == {"traceparent": f"00-{TRACE}-{context.span_id}-01"}


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "garbage",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"01-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\r\nx: y",
    ],
)
def test_a_trace_is_started_where_the_header_is_no_traceparent(header: str | None) -> None:
    context = tracing.begin(header)

    assert context.trace_id != TRACE
    assert len(context.trace_id) == 32
    assert len(context.span_id) == 16


async def test_concurrent_requests_keep_their_traces_apart() -> None:
    async def request() -> tuple[str, str]:
        began = tracing.begin(None).trace_id
        await asyncio.sleep(0)
        return began, tracing.current_trace_id()

    traces = await asyncio.gather(*(request() for _ in range(10)))

    assert all(began == seen for began, seen in traces)
    assert len({began for began, _ in traces}) == 10


async def test_outside_of_a_request_there_is_no_trace() -> None:
    async def look() -> tuple[str, dict[str, str]]:
        return tracing.current_trace_id(), tracing.outgoing_headers()

    # A context of its own, so that no other test's trace is seen.
    task = asyncio.get_running_loop().create_task(look(), context=contextvars.Context())

    assert await task == ("", {})
