"""Which storage elements there are: a thread of its own with the synchronous Redis client.

Redis first, then Admin's REST API, then the last known copy on disk (DESIGN 7).
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import redis
from pydantic import TypeAdapter, ValidationError

from artstore_kit import redis_client
from artstore_kit.admin_api import AdminApi
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
from artstore_kit.settings import ModuleSettings

logger = get_logger(__name__)

_REFRESH_SECONDS = 2.0
# How long `stop` may have to wait for a thread that listens for announcements.
_LISTEN_SECONDS = 0.2
_FIRST_LOOK_SECONDS = 5
_ADMIN_SECONDS = 10
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
    draining: bool = False

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
        self._remembered = b""
        self._looked = threading.Event()
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

    def wait_for_first_look(self) -> None:
        """Wait until it was tried once to read the registry, from wherever it can be had."""
        self._looked.wait(_FIRST_LOOK_SECONDS)

    def _run(self) -> None:
        announcements: redis.client.PubSub
        announcements = self._redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        while not self._stopping:
            try:
                self._look(announcements)
            except Exception:
                logger.exception("discovery_failed")
                self._looked.set()
                self._wake.wait(_REFRESH_SECONDS)
        with suppress(*REDIS_ERRORS):
            announcements.close()

    def _look(self, announcements: redis.client.PubSub) -> None:
        try:
            if not announcements.subscribed:
                announcements.subscribe(REGISTRY_CHANNEL)
            self._refresh_from_redis()
            self._looked.set()
            self._listen(announcements)
        except REDIS_ERRORS as error:
            logger.warning("redis_unavailable", reason=type(error).__name__)
            with suppress(*REDIS_ERRORS):
                announcements.reset()
            self._refresh_without_redis()
            self._looked.set()
            self._wake.wait(_REFRESH_SECONDS)

    def _listen(self, announcements: redis.client.PubSub) -> None:
        """Wait until it is time to look again; an announcement ends the wait early."""
        deadline = time.monotonic() + _REFRESH_SECONDS
        while not self._stopping and time.monotonic() < deadline:
            if announcements.get_message(timeout=_LISTEN_SECONDS):
                return

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
                draining=registration.draining,
            )
            for registration, status in zip(
                registrations, statuses or [None] * len(registrations), strict=True
            )
        }
        self._elements = elements
        self._remember(registrations)

    def _remember(self, registrations: list[Registration]) -> None:
        document = _registry_document.dump_json(registrations)
        if not registrations or document == self._remembered:
            return
        logger.info("elements_known", elements=[entry.element_id for entry in registrations])
        self._remembered = document
        try:
            write_atomically(self._cache_file, document)
        except OSError as error:
            logger.warning("registry_not_kept", reason=str(error))


def _status(document: str | bytes | None) -> ElementStatus | None:
    if document is None:
        return None
    try:
        return ElementStatus.model_validate_json(document)
    except ValidationError:
        return None


@asynccontextmanager
async def following(settings: ModuleSettings, admin: AdminApi) -> AsyncIterator[Discovery]:
    """Follow the registry while the block lasts; it has been looked at once when that begins."""
    loop = asyncio.get_running_loop()

    def fetch_from_admin() -> Sequence[Registration]:
        answer = asyncio.run_coroutine_threadsafe(admin.elements(), loop)
        try:
            return answer.result(_ADMIN_SECONDS)
        finally:
            answer.cancel()

    discovery = Discovery(
        redis_client.connect_sync(settings), fetch_from_admin, settings.state_dir / "elements.json"
    )
    discovery.start()
    try:
        await asyncio.to_thread(discovery.wait_for_first_look)
        yield discovery
    finally:
        # Not joined from the loop: the thread may itself be waiting for the loop's answer.
        await asyncio.to_thread(discovery.stop)
