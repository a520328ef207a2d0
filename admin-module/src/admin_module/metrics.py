"""Every metric of Admin."""

from prometheus_client import Counter, Gauge

TOKENS = Counter(
    "artstore_admin_token_requests_total",
    "Token requests by outcome: issued, or RFC 6749's error code",
    ["outcome"],
)
GUESSES_SLOWED = Counter(
    "artstore_admin_guesses_slowed_total",
    "Attempts to authenticate that were delayed or refused because so many before had failed",
    ["how"],
)
SECRET_EXPIRY = Gauge(
    "artstore_admin_secret_expiry_timestamp_seconds",
    "When the newest secret of an account expires, for accounts whose secrets do",
    ["client_id"],
)
TRANSFER_STEPS = Counter(
    "artstore_admin_transfer_steps_total",
    "Steps of transfers that were tried, by the state before and outcome: done or failed",
    ["state", "outcome"],
)
PUBLICATIONS = Counter(
    "artstore_admin_registry_publications_total",
    "Publications of the registry to Redis by outcome: published or failed",
    ["outcome"],
)
WEBHOOK_ATTEMPTS = Counter(
    "artstore_admin_webhook_attempts_total",
    "Attempts to tell the webhook of an event by outcome: delivered, failed or abandoned",
    ["outcome"],
)
