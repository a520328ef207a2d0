"""What the query module counts; the followed elements are those that this replica follows."""

from prometheus_client import Counter, Gauge, Histogram

from artstore_kit.breakers import STATE_HELP

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
RESYNCHRONISATIONS = Counter(
    "artstore_query_resynchronisations_total",
    "Times that all of an element's files were compared with the index",
    ["element"],
)
CACHE_LOOKUPS = Counter(
    "artstore_query_cache_lookups_total",
    "Files looked up in a cache (process, redis, contents), by result (hit, miss)",
    ["cache", "result"],
)
BREAKER_STATE = Gauge("artstore_query_breaker_state", STATE_HELP, ["element"])
DOWNLOADED_BYTES = Counter("artstore_query_downloaded_bytes_total", "Bytes of files sent")
DOWNLOADS_IN_FLIGHT = Gauge("artstore_query_downloads_in_flight", "Downloads being sent")
DOWNLOAD_SECONDS = Histogram(
    "artstore_query_download_seconds",
    "Time from the request to the last byte of a download, by size of what was sent",
    ["size"],
    buckets=(0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 1800),
)
BROKEN_DOWNLOADS = Counter(
    "artstore_query_broken_downloads_total", "Downloads that ended before their last byte"
)
RESUMED = Counter(
    "artstore_query_continued_downloads_total",
    "Times that an element broke off and the rest was asked for again",
)
MISMATCHES = Counter(
    "artstore_query_mismatches_total", "Downloads broken off because an element sent wrong bytes"
)
REDIRECTS = Counter(
    "artstore_query_redirects_total", "Downloads that were sent to an element to be made there"
)
ARCHIVED_READS = Counter(
    "artstore_query_archived_reads_total", "Downloads answered with a restore request"
)
