"""Spans of requests, calls and statements, sent to an OpenTelemetry collector over OTLP.

Off unless `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector; nothing is measured then. The exporter
reads the other `OTEL_EXPORTER_OTLP_*` and `OTEL_BSP_*` variables of the specification itself.
Source: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from artstore_kit.settings import ServiceSettings

_PROBES = "/health/,/metrics"


def start(service: str, version: str, settings: ServiceSettings) -> None:
    """Trace this process, if a collector is configured; call it before anything is opened.

    `service` is the name under which its spans appear.
    """
    if settings.otel_exporter_otlp_endpoint is None:
        return
    provider = TracerProvider(
        resource=Resource.create({SERVICE_NAME: service, SERVICE_VERSION: version})
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    AioHttpClientInstrumentor().instrument()
    RedisInstrumentor().instrument()
    # Its own check refuses the release of SQLAlchemy that is in the lock; the test proves it works.
    SQLAlchemyInstrumentor().instrument(skip_dep_check=True)


def observe(app: FastAPI, settings: ServiceSettings) -> None:
    """Make a span of each request but the probes', named by its route."""
    if settings.otel_exporter_otlp_endpoint is not None:
        FastAPIInstrumentor.instrument_app(
            app, excluded_urls=_PROBES, exclude_spans=["receive", "send"]
        )


@asynccontextmanager
async def flushed() -> AsyncIterator[None]:
    """Send the spans that are left when the service ends."""
    try:
        yield
    finally:
        provider = trace.get_tracer_provider()
        if isinstance(provider, TracerProvider):
            await asyncio.to_thread(provider.shutdown)
