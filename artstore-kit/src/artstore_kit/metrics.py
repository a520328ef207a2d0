"""Metrics that every service has; each service declares its own in `metrics.py` beside `app.py`."""

from prometheus_client import Counter, Histogram

REQUESTS = Counter(
    "artstore_http_requests_total",
    "Requests answered, by route template",
    ["method", "route", "status"],
)
REQUEST_SECONDS = Histogram(
    "artstore_http_request_seconds",
    "Time from the first byte of a request to the last byte of its answer",
    ["method", "route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300),
)

_SIZES = ((64 * 1024, "64KiB"), (1024**2, "1MiB"), (16 * 1024**2, "16MiB"), (1024**3, "1GiB"))
# Of transfers, from a small file on a good line to a large one on a poor one.
TRANSFER_BUCKETS = (0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 1800)


def size_class(size: int) -> str:
    """Return the least of a few sizes that `size` bytes fit into: a label of few values."""
    return next((name for limit, name in _SIZES if size <= limit), "larger")
