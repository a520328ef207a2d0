"""What the ingester counts."""

from prometheus_client import Counter

UPLOADED_BYTES = Counter("artstore_ingester_uploaded_bytes_total", "Bytes of acknowledged files")
FAILOVERS = Counter(
    "artstore_ingester_failovers_total", "Elements passed over for an upload", ["element"]
)
