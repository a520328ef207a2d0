"""Every metric of Admin."""

from prometheus_client import Counter

TOKENS = Counter(
    "artstore_admin_token_requests_total",
    "Token requests by outcome: issued, or RFC 6749's error code",
    ["outcome"],
)
PUBLICATIONS = Counter(
    "artstore_admin_registry_publications_total",
    "Publications of the registry to Redis by outcome: published or failed",
    ["outcome"],
)
