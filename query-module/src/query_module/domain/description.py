"""A file as it is described to callers."""

from dataclasses import dataclass
from typing import Self

from artstore_kit.contracts.files import StoredFile


@dataclass(frozen=True, slots=True)
class Description:
    """A file, and the JSON that says so: written once, sent as often as it is asked for."""

    file: StoredFile
    document: bytes

    @classmethod
    def of(cls, file: StoredFile) -> Self:
        return cls(file, file.model_dump_json().encode())

    @classmethod
    def parse(cls, document: str) -> Self:
        """Read a document, whoever has written it; raises ValueError."""
        file = StoredFile.model_validate_json(document)
        return cls.of(file)


def newest(known: Description | None, other: Description | None) -> Description | None:
    """Return the later revision of a file; the first of two that are the same."""
    if known is None or other is None:
        return known or other
    return other if other.file.revision > known.file.revision else known
