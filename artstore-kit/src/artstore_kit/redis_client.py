"""Redis, from the same settings in both of its clients."""

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from artstore_kit.settings import ServiceSettings

# Redis is a cache and a bulletin board here: nobody waits long for it. One more try, at once, is
# for a pooled connection that died meanwhile; the client's own default backs off for seconds.
_TIMEOUT = 2
_RETRIES = 1

REDIS_ERRORS = (redis.RedisError, OSError, TimeoutError)


def connect(settings: ServiceSettings) -> redis.asyncio.Redis:
    """Create the asyncio client, for everything on a request's path."""
    return redis.asyncio.Redis(
        host=settings.redis_host,
        port=settings.redis_port,
        password=settings.redis_password.get_secret_value() or None,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        retry=AsyncRetry(NoBackoff(), _RETRIES),
        decode_responses=True,
    )


def connect_sync(settings: ServiceSettings) -> redis.Redis:
    """Create the synchronous client, for discovery in its own thread."""
    return redis.Redis(
        host=settings.redis_host,
        port=settings.redis_port,
        password=settings.redis_password.get_secret_value() or None,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        retry=Retry(NoBackoff(), _RETRIES),
        decode_responses=True,
    )
