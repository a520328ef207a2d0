"""What the query-module counts."""

from prometheus_client import Gauge

FOLLOWER_LAG = Gauge(
    "artstore_query_follower_lag_entries", "Changes not yet in the index", ["element"]
)
