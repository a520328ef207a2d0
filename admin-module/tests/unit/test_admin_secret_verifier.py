import asyncio
import time

import pytest

from admin_module.domain import secrets
from admin_module.usecases.verify_secret import SecretVerifier
from artstore_kit.errors import UnavailableError


async def test_a_right_secret_costs_argon2_once() -> None:
    verifier, stored = SecretVerifier(), secrets.hashed("right")
    assert await verifier.verify([stored], ["right"]) == stored

    started = time.perf_counter()
    for _ in range(200):
        assert verifier.remembered([stored], ["right"]) == stored

    assert (time.perf_counter() - started) / 200 < 0.002


async def test_what_is_remembered_of_one_hash_does_not_open_another() -> None:
    verifier = SecretVerifier()
    assert await verifier.verify([secrets.hashed("one")], ["one"])
    replaced = secrets.hashed("two")
    assert not await verifier.verify([replaced], ["one"])
    assert await verifier.verify([replaced], ["wrong reading", "two"])


async def test_the_memory_holds_no_secret() -> None:
    verifier = SecretVerifier()
    assert await verifier.verify([secrets.hashed("correct horse")], ["correct horse"])
    assert "correct horse" not in repr(vars(verifier))


async def test_an_unknown_client_costs_what_a_wrong_secret_costs() -> None:
    verifier, stored = SecretVerifier(), secrets.hashed("right")

    async def fastest(hashes: list[str]) -> float:
        times = []
        for _ in range(5):
            started = time.perf_counter()
            assert not await verifier.verify(hashes, ["wrong"])
            times.append(time.perf_counter() - started)
        return min(times)

    unknown, wrong = await fastest([]), await fastest([stored])
    assert 0.4 < unknown / wrong < 2.5


async def test_more_guesses_than_can_wait_are_turned_away_at_once() -> None:
    verifier, stored = SecretVerifier(), secrets.hashed("right")
    guesses = [verifier.verify([stored], [f"guess {number}"]) for number in range(70)]
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    turned_away = [outcome for outcome in outcomes if isinstance(outcome, UnavailableError)]
    assert len(turned_away) == 6
    assert turned_away[0].headers["Retry-After"] == "1"
    assert outcomes.count(None) == 64
    assert await verifier.verify([stored], ["right"])


@pytest.mark.parametrize("readings", [[], [""]])
async def test_no_secret_is_never_the_secret(readings: list[str]) -> None:
    assert not await SecretVerifier().verify([secrets.hashed("right")], readings)


async def test_either_of_two_secrets_is_right_and_it_is_said_which() -> None:
    verifier, old, new = SecretVerifier(), secrets.hashed("old"), secrets.hashed("new")
    assert await verifier.verify([new, old], ["old"]) == old
    assert await verifier.verify([new, old], ["new"]) == new
    assert verifier.remembered([new, old], ["old"]) == old
    assert verifier.remembered([new], ["old"]) is None
