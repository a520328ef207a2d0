"""What a process remembers of files: little, and not for long."""

from collections.abc import Collection
from uuid import UUID

from cachetools import TTLCache

from query_module.domain.description import Description

# An attributes document has at most 4 KiB: with what Python makes of it, tens of MiB in all.
_FILES = 4096
# What bounds an answer's age where nobody can tell us that the file has changed.
_SECONDS = 0.8


class Memory:
    """Descriptions that were looked up a moment ago."""

    def __init__(self) -> None:
        self._known: TTLCache[UUID, Description] = TTLCache(_FILES, _SECONDS)

    def get(self, file_id: UUID) -> Description | None:
        return self._known.get(file_id)

    def keep(self, description: Description) -> None:
        self._known[description.file.file_id] = description

    def forget(self, file_ids: Collection[UUID]) -> None:
        for file_id in file_ids:
            self._known.pop(file_id, None)

    def forget_all(self) -> None:
        self._known.clear()
