import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey

from admin_module.domain import signing


def _short_key() -> str:
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - short on purpose
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_a_sealed_key_opens_only_with_the_key_that_sealed_it() -> None:
    key, encryption_key = signing.new_key(), Fernet.generate_key().decode()
    sealed = signing.seal(key, encryption_key)

    assert b"PRIVATE" not in sealed
    assert signing.unseal(sealed, encryption_key).as_dict(private=True) == key.as_dict(private=True)
    with pytest.raises(signing.WrongEncryptionKeyError, match="KEY_ENCRYPTION_KEY"):
        signing.unseal(sealed, Fernet.generate_key().decode())


def test_the_key_id_is_the_thumbprint() -> None:
    key = signing.new_key()
    assert key.kid == key.thumbprint()
    assert signing.import_key(key.as_pem(private=True).decode()).kid == key.kid


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
