"""What the query module counts; the followed elements are those that this replica follows."""

from prometheus_client import Gauge

FOLLOWER_LAG = Gauge(
    "artstore_query_follower_lag_entries",
    "Entries of an element's change feed that the index has not applied yet",
    ["element"],
)
FOLLOWER_CONTACT = Gauge(
    "artstore_query_follower_contact_timestamp_seconds",
    "When an element's change feed last answered; time() minus it is how long ago that was",
    ["element"],
)
