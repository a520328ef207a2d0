"""What the query module counts; the followed elements are those that this replica follows."""

from prometheus_client import Counter, Gauge, Histogram

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
SEARCH_SECONDS = Histogram(
    "artstore_query_search_seconds",
    "Time to find a page of search results",
    ["mode"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30),
)
SEARCH_RESULTS = Histogram(
    "artstore_query_search_results",
    "Files on the first page of a search; those in the lowest bucket found nothing",
    ["mode"],
    buckets=(0, 1, 5, 20, 100, 1000),
)
SUGGEST_SECONDS = Histogram(
    "artstore_query_suggest_seconds",
    "Time to complete a word",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1),
)
WORD_CHANGES = Counter(
    "artstore_query_word_changes_total",
    "Files whose words this replica has added to, or taken from, the suggestions",
)
