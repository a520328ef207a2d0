"""One trace from the ingester through the element to PostgreSQL and Redis, over real OTLP."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from artstore_user import Client, eventually
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from typing_extensions import override

from stack import Stack, running

# It starts a system of its own.
pytestmark = pytest.mark.slow


@dataclass
class Collector:
    """Takes spans as an OpenTelemetry collector does: protobuf over HTTP at /v1/traces."""

    url: str
    spans: list[tuple[str, Span]] = field(default_factory=list)

    def of_trace(self, trace_id: str) -> list[tuple[str, Span]]:
        return [found for found in list(self.spans) if found[1].trace_id.hex() == trace_id]

    def take(self, document: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(document).resource_spans:
            attributes = {
                item.key: item.value.string_value for item in resource.resource.attributes
            }
            for scope in resource.scope_spans:
                self.spans += [(attributes["service.name"], span) for span in scope.spans]


@contextmanager
def collecting() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            assert self.headers["Content-Type"] == "application/x-protobuf"
            receiving.take(self.rfile.read(int(self.headers["Content-Length"])))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Stay silent: what arrived is what the test looks at."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiving = Collector(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield receiving
        server.shutdown()


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as started:
        yield started


@pytest.fixture(scope="module")
def traced(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        with running(tmp_path_factory.mktemp("traced"), free_ports=True, quiet=True) as stack:
            yield stack


@pytest.fixture
def traced_client(traced: Stack) -> Iterator[Client]:
    client = Client(traced)
    with closing(client.http):
        client.log_in()
        yield client


def orphans(spans: list[tuple[str, Span]], caller: str) -> list[str]:
    """Name the spans whose parent is neither in the trace nor the caller."""
    known = {span.span_id for _, span in spans} | {bytes.fromhex(caller)}
    return [span.name for _, span in spans if span.parent_span_id not in known]


def test_an_upload_is_one_trace_through_every_service(
    traced_client: Client, collector: Collector
) -> None:
    trace_id = secrets.token_hex(16)

    answer = traced_client.upload("traced.txt", b"x", traceparent=f"00-{trace_id}-{'1' * 16}-01")

    assert answer.status_code == 201
    assert answer.headers["X-Trace-Id"] == trace_id

    def systems() -> set[tuple[str, str]]:
        return {
            (service, item.value.string_value)
            for service, span in collector.of_trace(trace_id)
            for item in span.attributes
            if item.key in {"db.system", "db.system.name"}
        }

    wanted = {("storage-element", "postgresql"), ("ingester-module", "redis")}
    eventually(lambda: systems() >= wanted)
    eventually(lambda: not orphans(collector.of_trace(trace_id), caller="1" * 16))
    [log_line] = [
        line
        for line in (traced_client.stack.data / "logs" / "ingester.log").read_text().splitlines()
        if trace_id in line and '"request"' in line
    ]
    assert "traced.txt" not in log_line


def test_a_problem_names_the_trace_that_was_recorded(
    traced_client: Client, collector: Collector
) -> None:
    problem = traced_client.get("/search", params={"limit": "none"}).json()

    eventually(lambda: collector.of_trace(problem["trace_id"]))


def test_the_probes_leave_no_spans(traced_client: Client, collector: Collector) -> None:
    traced_client.log_in()
    eventually(lambda: [span for _, span in collector.spans if "token" in span.name])

    assert not [span.name for _, span in collector.spans if "/health" in span.name]
