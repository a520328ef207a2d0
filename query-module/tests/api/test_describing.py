"""Files described by id, through the caches, by one replica and by two."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
import redis.asyncio
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import redis_client
from artstore_kit.contracts.files import FileAttributes, StoredFile, recent_key
from artstore_kit.contracts.scopes import Role
from artstore_kit.testing.tokens import TokenSigner
from artstore_kit.testing.valkey import Valkey
from query_module.clients.shared_cache import SharedCache
from query_module.config import Settings
from query_module.database.following import Lead, leading
from query_module.domain.description import Description
from query_module.domain.feed import Effect, FeedPosition

FILE_ID = UUID(int=1)
Replica = Callable[[], AbstractAsyncContextManager[httpx.AsyncClient]]


def document(revision: int = 1, **known: object) -> FileAttributes:
    return FileAttributes.model_validate(
        {
            "filename": "акт.pdf",
            "uploaded_by": "maria",
            "file_id": FILE_ID,
            "size": 3,
            "sha256": "0" * 64,
            "created_at": datetime(2026, 11, 25, tzinfo=UTC),
            "revision": revision,
            **known,
        }
    )


class Follower:
    """Does what a follower does with a batch, or a part of that, as one that dies in it."""

    def __init__(self, engine: AsyncEngine, shared: SharedCache) -> None:
        self._engine = engine
        self.shared = shared

    async def store(self, *files: FileAttributes) -> None:
        await self.apply(Effect(list(files), {}))

    async def delete(self, *file_ids: UUID) -> None:
        await self.apply(Effect([], dict.fromkeys(file_ids, 99)))

    async def apply(self, effect: Effect, *, dies: bool = False) -> None:
        changed = [*effect.deleted, *(file.file_id for file in effect.stored)]
        await self.shared.close(changed, deleted=effect.deleted)
        async with leading(self._engine, "se-01") as lead:
            await _apply(lead, effect)
        if not dies:
            await self.shared.reopen(changed, deleted=effect.deleted)


async def _apply(lead: Lead, effect: Effect) -> None:
    before = await lead.position()
    if before is None:
        before = FeedPosition(uuid4(), 0)
        await lead.finish(uuid4(), before=None, after=before)
    after = FeedPosition(before.feed_id, before.next + 1)
    await lead.apply(effect, before=before, after=after)


@pytest_asyncio.fixture
async def client(query_settings: Settings) -> AsyncIterator[redis.asyncio.Redis]:
    async with redis_client.connect(query_settings) as connected:
        yield connected


@pytest.fixture
def follower(engine: AsyncEngine, client: redis.asyncio.Redis) -> Follower:
    return Follower(engine, SharedCache(client))


async def described(query: httpx.AsyncClient, **headers: str) -> httpx.Response:
    return await query.get(f"/api/v1/files/{FILE_ID}", headers=headers)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await holds():  # noqa: ASYNC110 - what is waited for is an answer
            await asyncio.sleep(0.01)


async def statuses(replicas: Sequence[httpx.AsyncClient]) -> list[int]:
    return [(await described(query)).status_code for query in replicas]


def lookups(cache: str, result: str) -> float:
    labels = {"cache": cache, "result": result}
    return REGISTRY.get_sample_value("artstore_query_cache_lookups_total", labels) or 0


async def test_a_file_is_described_with_its_revision_as_entity_tag(
    query: httpx.AsyncClient, follower: Follower
) -> None:
    await follower.store(document(revision=3))

    answer = await described(query)

    assert StoredFile.model_validate(answer.json()).revision == 3
    assert answer.headers["ETag"] == '"3"'
    assert (await described(query, **{"If-None-Match": '"3"'})).status_code == 304


async def test_many_who_ask_at_once_look_once(query: httpx.AsyncClient, follower: Follower) -> None:
    await follower.store(document())
    before = lookups("redis", "miss"), lookups("redis", "hit")

    answers = await asyncio.gather(*(described(query) for _ in range(50)))

    assert {answer.status_code for answer in answers} == {200}
    # Less than a second is remembered: on a slow machine it may be more than one look.
    looked = lookups("redis", "miss") + lookups("redis", "hit") - sum(before)
    assert looked < 10


async def test_what_one_replica_has_read_the_other_finds_in_redis(
    query: httpx.AsyncClient, replica: Replica, follower: Follower
) -> None:
    await follower.store(document())
    await described(query)
    before = lookups("redis", "hit")

    async with replica() as other:
        assert (await described(other)).status_code == 200

    assert lookups("redis", "hit") == before + 1


async def test_a_change_is_seen_by_all_replicas(
    query: httpx.AsyncClient, replica: Replica, follower: Follower
) -> None:
    async with replica() as other:
        await follower.store(document())
        assert await statuses([query, other]) == [200, 200]

        await follower.store(document(revision=2, uploaded_by="ivan"))
        for each in (query, other):

            async def is_new(asked: httpx.AsyncClient = each) -> bool:
                return bool((await described(asked)).json()["uploaded_by"] == "ivan")

            await until(is_new)

        await follower.delete(FILE_ID)

        async def are_gone() -> bool:
            return await statuses([query, other]) == [404, 404]

        await until(are_gone)


async def test_a_deletion_of_which_nobody_is_told_is_seen_all_the_same(
    query: httpx.AsyncClient, follower: Follower
) -> None:
    await follower.store(document())
    assert (await described(query)).status_code == 200

    # The follower dies between its commit and its message.
    await follower.apply(Effect([], {FILE_ID: 1}), dies=True)

    async def is_gone() -> bool:
        return (await described(query)).status_code == 404

    await until(is_gone)


async def test_what_was_read_before_a_change_is_not_shared_after_it(
    query: httpx.AsyncClient, follower: Follower
) -> None:
    shared = follower.shared
    before = Description.of(StoredFile(**dict(document()), element_id="se-01"))
    look = await shared.look(FILE_ID)
    assert look.lease is not None

    await shared.close([FILE_ID])
    await shared.fill(before, look.lease)
    assert (await shared.look(FILE_ID)).found is None
    await shared.reopen([FILE_ID])
    await shared.fill(before, look.lease)

    assert (await shared.look(FILE_ID)).found is None


async def test_a_file_is_found_and_forgotten_while_redis_is_away(
    query: httpx.AsyncClient, follower: Follower, valkey: Valkey
) -> None:
    await follower.store(document())
    assert (await described(query)).status_code == 200
    valkey.stop()
    try:
        assert (await described(query)).status_code == 200
        await follower.delete(FILE_ID)

        async def is_gone() -> bool:
            return (await described(query)).status_code == 404

        await until(is_gone)
    finally:
        valkey.start()


async def test_redis_is_told_of_a_change_when_it_is_back(
    query: httpx.AsyncClient,
    follower: Follower,
    client: redis.asyncio.Redis,
    valkey: Valkey,
) -> None:
    valkey.stop()
    await follower.store(document(revision=2))
    valkey.start()
    # Somebody else was in reach of it all the time.
    old = Description.of(StoredFile(**dict(document()), element_id="se-01"))
    await client.set(f"artstore:query:file:{FILE_ID}", old.document.decode())

    async def is_told() -> bool:
        await follower.shared.settle()
        return await client.get(f"artstore:query:file:{FILE_ID}") is None

    await until(is_told)


async def test_what_the_ingester_has_just_done_counts_before_the_index_knows(
    query: httpx.AsyncClient, follower: Follower, client: redis.asyncio.Redis
) -> None:
    await follower.store(document())
    edited = StoredFile(**dict(document(revision=2)), element_id="se-01")
    await client.set(recent_key(FILE_ID), edited.model_dump_json(exclude_none=True))
    assert (await described(query)).json()["revision"] == 2

    await follower.store(document(revision=3))

    async def is_newest() -> bool:
        return bool((await described(query)).json()["revision"] == 3)

    await until(is_newest)
    await client.set(recent_key(FILE_ID), "")

    async def is_gone() -> bool:
        return (await described(query)).status_code == 404

    await until(is_gone)


async def test_who_may_see_only_its_own_files_sees_no_others_in_any_cache(
    query: httpx.AsyncClient, follower: Follower, signer: TokenSigner
) -> None:
    await follower.store(document())
    own = {
        name: {"Authorization": f"Bearer {signer.token(name, Role.USER)}"}
        for name in ("maria", "ivan")
    }
    # Cold and hot, for those who may and those who may not.
    for _ in range(2):
        assert (await described(query, **own["ivan"])).status_code == 404
        assert (await described(query, **own["maria"])).status_code == 200
        assert (await described(query)).status_code == 200
        content = await query.get(f"/api/v1/files/{FILE_ID}/content", headers=own["ivan"])
        assert (content.status_code, content.json()["code"]) == (404, "file_not_found")
        counted = await query.get(f"/api/v1/files/{FILE_ID}/statistics", headers=own["maria"])
        assert counted.status_code == 403

    await follower.store(document(revision=2, uploaded_by="ivan"))

    async def is_ivans() -> bool:
        found = [(await described(query, **own[name])).status_code for name in ("maria", "ivan")]
        return found == [404, 200]

    await until(is_ivans)


async def test_readiness_names_what_is_away_and_goes_on(query: httpx.AsyncClient) -> None:
    answer = await query.get("/health/ready")

    assert answer.status_code == 200
    assert answer.json()["dependencies"]["elements"] == {
        "state": "ok",
        "required": False,
        "details": {},
    }
