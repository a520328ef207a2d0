import pytest

from admin_module.domain import secrets


def test_a_generated_secret_has_256_bits_and_is_never_weak() -> None:
    made = {secrets.generate() for _ in range(50)}
    assert len(made) == 50
    assert all(len(secret) == 43 and secrets.weakness(secret) is None for secret in made)


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        ("x7" * 11, "shorter than 24"),
        ("a" * 40, "looks like a default"),
        ("please-Change-Me-in-production", "looks like a default"),
        ("storage-element-secret-for-prod", "looks like a default"),
    ],
)
def test_a_guessable_secret_is_weak(secret: str, reason: str) -> None:
    assert reason in (secrets.weakness(secret) or "")


def test_a_hash_matches_its_secret_and_no_other() -> None:
    stored = secrets.hashed("right")
    assert secrets.matches(stored, "right")
    assert secrets.is_current(stored, "right")
    assert not secrets.matches(stored, "wrong")
    assert stored != secrets.hashed("right")
