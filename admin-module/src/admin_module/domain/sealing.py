"""Private keys at rest: encrypted with KEY_ENCRYPTION_KEY, which may itself be replaced."""

from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class WrongEncryptionKeyError(Exception):
    """A stored private key was sealed with another KEY_ENCRYPTION_KEY."""

    def __init__(self) -> None:
        super().__init__(
            "KEY_ENCRYPTION_KEY does not open the stored signing key: "
            "start with the one this database was last started with"
        )


@dataclass(frozen=True, slots=True)
class Seal:
    """Seals with the first of its keys and opens with any of them."""

    keys: tuple[str, ...] = field(repr=False)

    def close(self, secret: bytes) -> bytes:
        return Fernet(self.keys[0]).encrypt(secret)

    def open(self, sealed: bytes) -> bytes:
        """Raise WrongEncryptionKeyError where none of the keys fits."""
        try:
            return MultiFernet([Fernet(key) for key in self.keys]).decrypt(sealed)
        except InvalidToken as error:
            raise WrongEncryptionKeyError from error

    def is_current(self, sealed: bytes) -> bool:
        """Say whether the first key sealed it; what another did is due to be sealed again."""
        try:
            Fernet(self.keys[0]).decrypt(sealed)
        except InvalidToken:
            return False
        return True
