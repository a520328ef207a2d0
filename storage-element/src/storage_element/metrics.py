"""What a storage element counts."""

from prometheus_client import Counter, Gauge

CAPACITY_BYTES = Gauge("artstore_element_capacity_bytes", "Bytes the element can hold")
USED_BYTES = Gauge("artstore_element_used_bytes", "Bytes of stored files")
FILES = Gauge("artstore_element_files", "Stored files")
STORED_BYTES = Counter("artstore_element_stored_bytes_total", "Bytes of files taken in")
SENT_BYTES = Counter("artstore_element_sent_bytes_total", "Bytes of files sent")
RECOVERED = Counter("artstore_element_recovered_writes_total", "Writes settled", ["outcome"])
MISMATCHES = Counter("artstore_element_scrub_mismatches_total", "Files found to be damaged")
DAMAGED_FILES = Gauge("artstore_element_damaged_files", "Files in quarantine")
FILES_UNVERIFIED = Gauge(
    "artstore_element_files_unverified", "Files not read again within SCRUB_DAYS"
)
OLDEST_VERIFIED_SECONDS = Gauge(
    "artstore_element_scrub_oldest_verified_seconds",
    "How long ago the file that was not read again for longest was",
)
