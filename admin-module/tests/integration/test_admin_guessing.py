"""Whoever guesses secrets is slowed; nobody else is kept out."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from admin_module.app import create_app
from admin_module.config import Settings
from admin_module.database.transactions import Database
from admin_module.domain.token_request import Credentials, TokenRefusedError
from admin_module.usecases.authenticate import Authenticator
from admin_module.usecases.verify_secret import SecretVerifier
from artstore_kit import database
from artstore_kit.errors import TooManyRequestsError
from artstore_kit.testing.fixtures import Serve

Account = tuple[str, str]
EVIL, HOME, OFFICE = "203.0.113.66", "192.0.2.1", "198.51.100.1"


@pytest_asyncio.fixture
async def authenticator(serve: Serve, settings: Settings) -> AsyncIterator[Authenticator]:
    async with serve(create_app(settings)):
        engine = database.connect(settings)
        yield Authenticator(database=Database(engine), verifier=SecretVerifier())
        await engine.dispose()


async def _guess(authenticator: Authenticator, client_id: str, address: str) -> str:
    try:
        await authenticator.account_of(Credentials(client_id, ("guess",)), address=address)
    except TokenRefusedError:
        return "refused"
    except TooManyRequestsError as slowed:
        return "slowed" if int(slowed.headers["Retry-After"]) >= 1 else "slowed for no time"
    return "let in"


async def test_guessing_at_one_client_from_one_address_is_slowed_after_five(
    authenticator: Authenticator, administrator_account: Account
) -> None:
    guesses = [await _guess(authenticator, "root", EVIL) for _ in range(10)]
    assert guesses == ["refused"] * 5 + ["slowed"] * 5
    # Its owner elsewhere notices nothing, and neither does another client there.
    root = Credentials(administrator_account[0], (administrator_account[1],))
    assert (await authenticator.account_of(root, address=HOME)).client_id == "root"
    assert await _guess(authenticator, "query-module", EVIL) == "refused"


async def test_guesses_sent_all_at_once_are_counted_too(authenticator: Authenticator) -> None:
    guesses = await asyncio.gather(
        *(
            _fails(authenticator, Credentials("root", (f"guess {number}",)), EVIL)
            for number in range(40)
        )
    )
    assert guesses.count("refused") == 5
    assert guesses.count("slowed") == 35


async def _fails(authenticator: Authenticator, shown: Credentials, address: str) -> str:
    try:
        await authenticator.account_of(shown, address=address)
    except TokenRefusedError:
        return "refused"
    except TooManyRequestsError:
        return "slowed"
    return "let in"


async def test_spraying_many_clients_from_one_address_is_slowed_but_not_for_its_old_friends(
    authenticator: Authenticator, module_account: Account
) -> None:
    module = Credentials(module_account[0], (module_account[1],))
    await authenticator.account_of(module, address=EVIL)
    guesses = [await _guess(authenticator, f"client-{number}", EVIL) for number in range(40)]
    assert guesses[:30] == ["refused"] * 30
    assert "slowed" in guesses[30:]
    # Even when the process no longer remembers that the secret was right.
    authenticator._verifier._remembered.clear()  # noqa: SLF001 - as after five minutes
    assert (await authenticator.account_of(module, address=EVIL)).client_id == module.client_id


async def test_a_client_that_many_addresses_guess_at_still_gets_in(
    authenticator: Authenticator, administrator_account: Account
) -> None:
    for number in range(25):
        assert await _guess(authenticator, "root", f"203.0.113.{number}") == "refused"
    root = Credentials(administrator_account[0], (administrator_account[1],))
    assert (await authenticator.account_of(root, address=OFFICE)).client_id == "root"
