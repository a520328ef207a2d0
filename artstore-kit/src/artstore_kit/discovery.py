"""Which storage elements there are: a thread of its own with the synchronous Redis client.

Redis first, then Admin's REST API, then the last known copy on disk (DESIGN 7).
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import redis
from pydantic import TypeAdapter, ValidationError

from artstore_kit.atomic_file import write_atomically
from artstore_kit.contracts.elements import (
    REGISTRY_CHANNEL,
    REGISTRY_KEY,
    ElementStatus,
    Mode,
    Registration,
    status_key,
)
from artstore_kit.errors import ServiceError
from artstore_kit.logging import get_logger
from artstore_kit.redis_client import REDIS_ERRORS

logger = get_logger(__name__)

_REFRESH_SECONDS = 2.0
_registry_document = TypeAdapter(list[Registration])

FetchRegistry = Callable[[], Sequence[Registration]]


@dataclass(frozen=True, slots=True)
class Element:
    """A registered element and, where Redis has it, what it last said of itself."""

    element_id: str
    url: str
    mode: Mode
    priority: int
    status: ElementStatus | None
    stale: bool = False

    @property
    def healthy(self) -> bool:
        """False when it reports trouble, or reports nothing although Redis is up."""
        return not self.stale and (self.status is None or self.status.healthy)

    def has_room(self, size: int | None) -> bool:
        return self.status is None or self.status.free >= (size or 1)


class Discovery:
    """Keeps the registry current in the background; reading `elements` never waits."""

    def __init__(
        self, client: redis.Redis, fetch_from_admin: FetchRegistry, cache_file: Path
    ) -> None:
        self._redis = client
        self._fetch_from_admin = fetch_from_admin
        self._cache_file = cache_file
        self._elements: dict[str, Element] = {}
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="discovery", daemon=True)

    @property
    def elements(self) -> dict[str, Element]:
        """The elements by id, as last known."""
        return self._elements

    def start(self) -> None:
        """Begin to follow the registry."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopping = True
        self._wake.set()
        self._thread.join()
        self._redis.close()

    def _run(self) -> None:
        announcements = self._redis.pubsub(ignore_subscribe_messages=True)
        while not self._stopping:
            try:
                if not announcements.subscribed:
                    announcements.subscribe(REGISTRY_CHANNEL)
                self._refresh_from_redis()
                # An announcement ends the wait early.
                announcements.get_message(timeout=_REFRESH_SECONDS)
            except REDIS_ERRORS as error:
                logger.warning("redis_unavailable", reason=type(error).__name__)
                with suppress(*REDIS_ERRORS):
                    announcements.reset()
                self._refresh_without_redis()
                self._wake.wait(_REFRESH_SECONDS)
            except Exception:
                logger.exception("discovery_failed")
                self._wake.wait(_REFRESH_SECONDS)
        with suppress(*REDIS_ERRORS):
            announcements.close()

    def _refresh_from_redis(self) -> None:
        documents = self._redis.hvals(REGISTRY_KEY)
        registrations = [Registration.model_validate_json(document) for document in documents]
        if not registrations:
            # Emptied, or not yet published: Admin knows better.
            self._refresh_without_redis()
            return
        registrations.sort(key=lambda registration: registration.element_id)
        keys = [status_key(registration.element_id) for registration in registrations]
        statuses = [_status(document) for document in self._redis.mget(keys)]
        self._use(registrations, statuses)

    def _refresh_without_redis(self) -> None:
        try:
            registrations = list(self._fetch_from_admin())
        except (ServiceError, OSError, TimeoutError):
            if self._elements or not self._cache_file.exists():
                return
            registrations = _registry_document.validate_json(self._cache_file.read_bytes())
        self._use(registrations, None)

    def _use(
        self, registrations: list[Registration], statuses: list[ElementStatus | None] | None
    ) -> None:
        elements = {
            registration.element_id: Element(
                element_id=registration.element_id,
                url=str(registration.url).rstrip("/"),
                mode=status.mode if status else registration.mode,
                priority=registration.priority,
                status=status,
                stale=statuses is not None and status is None,
            )
            for registration, status in zip(
                registrations, statuses or [None] * len(registrations), strict=True
            )
        }
        if registrations and elements.keys() != self._elements.keys():
            logger.info("elements_known", elements=sorted(elements))
            write_atomically(self._cache_file, _registry_document.dump_json(registrations))
        self._elements = elements


def _status(document: str | None) -> ElementStatus | None:
    if document is None:
        return None
    try:
        return ElementStatus.model_validate_json(document)
    except ValidationError:
        return None
