"""What the ingester counts."""

from prometheus_client import Counter, Gauge

from artstore_kit.breakers import STATE_HELP

UPLOADED_BYTES = Counter("artstore_ingester_uploaded_bytes_total", "Bytes of acknowledged files")
FAILOVERS = Counter(
    "artstore_ingester_failovers_total", "Elements passed over for an upload", ["element"]
)
BREAKER_STATE = Gauge("artstore_ingester_breaker_state", STATE_HELP, ["element"])
