"""What a storage element counts."""

from prometheus_client import Counter, Gauge, Histogram

from artstore_kit.metrics import TRANSFER_BUCKETS

CAPACITY_BYTES = Gauge("artstore_element_capacity_bytes", "Bytes the element can hold")
USED_BYTES = Gauge("artstore_element_used_bytes", "Bytes of stored files")
FREE_BYTES = Gauge("artstore_element_free_bytes", "Bytes that new uploads may still take")
FILES = Gauge("artstore_element_files", "Stored files")
MODE = Gauge("artstore_element_mode", "1 for the mode the element is in, 0 for others", ["mode"])
HEALTHY = Gauge(
    "artstore_element_healthy", "1 when storage and database answered when last asked, else 0"
)

STORED_BYTES = Counter("artstore_element_stored_bytes_total", "Bytes of files taken in")
UPLOADS_IN_FLIGHT = Gauge("artstore_element_uploads_in_flight", "Files being taken in")
UPLOAD_SECONDS = Histogram(
    "artstore_element_upload_seconds",
    "Time from the first byte of a new file to its acknowledgement, by how it came and its size",
    ["operation", "size"],
    buckets=TRANSFER_BUCKETS,
)
SENT_BYTES = Counter("artstore_element_sent_bytes_total", "Bytes of files sent")
DOWNLOADS_IN_FLIGHT = Gauge("artstore_element_downloads_in_flight", "Bodies being sent")
DOWNLOAD_SECONDS = Histogram(
    "artstore_element_download_seconds",
    "Time from the first to the last byte of a body, by the size of what was sent",
    ["size"],
    buckets=TRANSFER_BUCKETS,
)
BROKEN_DOWNLOADS = Counter(
    "artstore_element_broken_downloads_total", "Bodies that ended before their last byte"
)

OPEN_WRITES = Gauge("artstore_element_journal_open_writes", "Writes that have not ended")
STALE_WRITES = Gauge(
    "artstore_element_journal_stale_writes", "Writes whose writer is gone, not yet recovered"
)
OLDEST_WRITE_SECONDS = Gauge(
    "artstore_element_journal_oldest_seconds", "How long ago the oldest open write began"
)
RECOVERED = Counter(
    "artstore_element_recovered_writes_total",
    "Writes of dead writers: derived (finished), discarded (undone), failed (tried again later)",
    ["outcome"],
)

MISMATCHES = Counter("artstore_element_scrub_mismatches_total", "Files found to be damaged")
VERIFIED_BYTES = Counter("artstore_element_verified_bytes_total", "Stored bytes read and hashed")
DAMAGED_FILES = Gauge("artstore_element_damaged_files", "Files in quarantine")
FILES_UNVERIFIED = Gauge(
    "artstore_element_files_unverified", "Files not read again within SCRUB_DAYS"
)
OLDEST_VERIFIED_SECONDS = Gauge(
    "artstore_element_scrub_oldest_verified_seconds",
    "How long ago the file that was not read again for longest was",
)
UNFINISHED_UPLOADS = Gauge(
    "artstore_element_unfinished_uploads", "Uploads in pieces that may still go on"
)
UNFINISHED_UPLOAD_BYTES = Gauge(
    "artstore_element_unfinished_upload_bytes", "Bytes held by unfinished uploads"
)
UPLOAD_OUTCOMES = Counter(
    "artstore_element_uploads_total",
    "Uploads in pieces: begun, stored, terminated, expired, failed",
    ["outcome"],
)
UPLOAD_TAKEOVERS = Counter(
    "artstore_element_upload_takeovers_total",
    "Requests that wrote an upload and were ended by a newer one for it",
)
UPLOADS_REHASHED = Counter(
    "artstore_element_upload_rehashed_bytes_total",
    "Bytes of uploads that were read again for their digest after an interruption",
)

for _outcome in ("derived", "discarded", "failed"):
    RECOVERED.labels(_outcome)
