"""A token that was ended is refused, from whichever source that is known."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import redis

from artstore_kit import redis_client, revocations
from artstore_kit.contracts.revocations import REVOCATIONS_KEY, Revocations
from artstore_kit.contracts.scopes import Role
from artstore_kit.errors import UnauthorizedError, UnavailableError
from artstore_kit.revocations import RevocationList
from artstore_kit.settings import ServiceSettings
from artstore_kit.testing.polling import eventually
from artstore_kit.testing.tokens import AUDIENCE, ISSUER, TokenSigner
from artstore_kit.testing.valkey import Valkey
from artstore_kit.tokens import TokenValidator

SUSPENDED = Revocations(accounts={"sa-1": 7})


class Admin:
    """Admin's side: what it would say, or that it is away."""

    def __init__(self) -> None:
        self.says: Revocations | None = None

    async def revocations(self) -> Revocations:
        if self.says is None:
            message = "Admin is away"
            raise UnavailableError(message)
        return self.says


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A server of the test's own, which it may stop."""
    server = Valkey(tmp_path / "valkey", "secret")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def board(own_valkey: Valkey) -> Iterator[redis.Redis]:
    with own_valkey.client() as client:
        yield client


@pytest.fixture
def admin() -> Admin:
    return Admin()


def _following(
    valkey: Valkey, admin: Admin, folder: Path
) -> AbstractAsyncContextManager[RevocationList]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[RevocationList]:
        settings = ServiceSettings(redis_port=valkey.port, redis_password=valkey.password)  # type: ignore[arg-type]
        async with (
            redis_client.connect(settings) as client,
            revocations.following(client, admin.revocations, folder / "revoked.json") as found,
        ):
            yield found

    return opened()


async def test_a_token_of_an_earlier_generation_is_refused_once_redis_shows_it(
    own_valkey: Valkey, board: redis.Redis, admin: Admin, tmp_path: Path, signer: TokenSigner
) -> None:
    old, new = (signer.token("sa-1", Role.USER, gen=number) for number in (6, 7))
    single = signer.token("sa-1", Role.USER, gen=7, jti="stolen")
    other = signer.token("sa-2", Role.USER, gen=1)
    async with _following(own_valkey, admin, tmp_path) as revoked:
        validator = TokenValidator(
            signer.keys, issuer=ISSUER, audience=AUDIENCE, revocations=revoked
        )
        for token in (old, new, single, other):
            await validator.validate(token)

        shown = Revocations(accounts={"sa-1": 7}, tokens={"stolen"})
        board.set(REVOCATIONS_KEY, shown.model_dump_json())
        await eventually(lambda: revoked.current == shown, seconds=10)
        for token in (old, single):
            with pytest.raises(UnauthorizedError, match="revoked"):
                await validator.validate(token)
        for token in (new, other):
            await validator.validate(token)


async def test_admin_is_asked_while_redis_is_away_or_empty(
    own_valkey: Valkey, admin: Admin, tmp_path: Path
) -> None:
    admin.says = SUSPENDED
    async with _following(own_valkey, admin, tmp_path) as empty:
        assert empty.current == SUSPENDED
    own_valkey.stop()
    async with _following(own_valkey, admin, tmp_path / "other") as away:
        assert away.current == SUSPENDED


async def test_what_was_known_last_counts_while_nobody_answers_and_after_a_restart(
    own_valkey: Valkey, board: redis.Redis, admin: Admin, tmp_path: Path
) -> None:
    board.set(REVOCATIONS_KEY, SUSPENDED.model_dump_json())
    async with _following(own_valkey, admin, tmp_path) as revoked:
        assert revoked.current == SUSPENDED
        own_valkey.stop()
        await revoked.refresh()
        assert revoked.current == SUSPENDED
    async with _following(own_valkey, admin, tmp_path) as restarted:
        assert restarted.current == SUSPENDED


@pytest.mark.parametrize("document", ["", "[]", '{"accounts": {"sa-1": "x"}}'])
async def test_nonsense_in_redis_changes_nothing(
    own_valkey: Valkey, board: redis.Redis, admin: Admin, tmp_path: Path, document: str
) -> None:
    board.set(REVOCATIONS_KEY, SUSPENDED.model_dump_json())
    async with _following(own_valkey, admin, tmp_path) as revoked:
        board.set(REVOCATIONS_KEY, document)
        await revoked.refresh()
        assert revoked.current == SUSPENDED
