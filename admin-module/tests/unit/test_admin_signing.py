import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey, RSAKey

from admin_module.domain import signing
from admin_module.domain.sealing import Seal, WrongEncryptionKeyError


def _short_key() -> str:
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - short on purpose
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_a_sealed_key_opens_only_with_the_key_that_sealed_it() -> None:
    key, encryption_key = signing.new_key(), Fernet.generate_key().decode()
    pem = key.as_pem(private=True)
    sealed = Seal((encryption_key,)).close(pem)

    assert b"PRIVATE" not in sealed
    assert Seal((encryption_key,)).open(sealed) == pem
    with pytest.raises(WrongEncryptionKeyError, match="KEY_ENCRYPTION_KEY"):
        Seal((Fernet.generate_key().decode(),)).open(sealed)


def test_the_first_of_several_encryption_keys_seals_and_all_of_them_open() -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = Seal((old,)).close(b"secret")
    both = Seal((new, old))

    assert both.open(sealed) == b"secret"
    assert not both.is_current(sealed)
    assert both.is_current(both.close(b"secret"))
    assert Seal((new,)).open(both.close(b"secret")) == b"secret"
    assert old not in repr(both)


def test_the_key_id_is_the_thumbprint() -> None:
    key = signing.new_key()
    assert key.kid == key.thumbprint()
    assert signing.import_key(key.as_pem(private=True).decode()).kid == key.kid


def test_no_new_key_has_an_id_that_looks_like_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = signing.new_key(), signing.new_key()
    made = iter([first, second])
    monkeypatch.setattr(RSAKey, "generate_key", lambda *_: next(made))
    monkeypatch.setattr(first, "thumbprint", lambda: "-" + "a" * 42)

    assert signing.new_key() is second


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "not a key",
        ECKey.generate_key("P-256").as_pem(private=True).decode(),
        signing.new_key().as_pem(private=False).decode(),
        signing.new_key().as_pem(private=True, password="x").decode(),
        _short_key(),
    ],
    ids=["empty", "text", "elliptic", "public", "encrypted", "short"],
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_only_a_private_rsa_key_of_2048_bits_is_imported(pem: str) -> None:
    with pytest.raises(ValueError, match="is not an"):
        signing.import_key(pem)
