"""What the ingester counts."""

from prometheus_client import Counter, Gauge, Histogram

from artstore_kit.breakers import STATE_HELP

UPLOADED_BYTES = Counter("artstore_ingester_uploaded_bytes_total", "Bytes of acknowledged files")
UPLOAD_SECONDS = Histogram(
    "artstore_ingester_upload_seconds",
    "Time from an upload's metadata to its acknowledgement, by the size of the file",
    ["size"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800),
)
UPLOADS_IN_FLIGHT = Gauge("artstore_ingester_uploads_in_flight", "Uploads that are being stored")
CHOICES = Counter(
    "artstore_ingester_element_choices_total", "Uploads that an element took", ["element"]
)
FAILOVERS = Counter(
    "artstore_ingester_failovers_total", "Elements passed over for an upload", ["element"]
)
INTERRUPTED = Counter(
    "artstore_ingester_interrupted_uploads_total",
    "Uploads that an element broke off after part of the body",
    ["element"],
)
GRANTS = Counter(
    "artstore_ingester_direct_grants_total", "Uploads that were sent on to an element", ["element"]
)
RESUMABLE_UPLOADS = Counter(
    "artstore_ingester_resumable_uploads_total",
    "Uploads in pieces: begun, stored, terminated",
    ["outcome"],
)
RESUMABLE_BYTES = Counter(
    "artstore_ingester_resumable_received_bytes_total",
    "Bytes of pieces that were acknowledged",
)
BREAKER_STATE = Gauge("artstore_ingester_breaker_state", STATE_HELP, ["element"])
