"""What a batch of an element's change feed comes to."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from artstore_kit.contracts.changes import Action, Change
from artstore_kit.contracts.files import FileAttributes


@dataclass(frozen=True, slots=True)
class FeedPosition:
    """How far a feed has been applied: `next` is the `after` of the following request."""

    feed_id: UUID
    next: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What is left of a batch once later entries have replaced earlier ones of the same file."""

    stored: list[FileAttributes]
    deleted: dict[UUID, int]


def effect(changes: Iterable[Change]) -> Effect:
    """Reduce a batch to the files to enter and the ids, with revisions, to remove."""
    stored: dict[UUID, FileAttributes] = {}
    deleted: dict[UUID, int] = {}
    for change in changes:
        if change.action is Action.DELETED:
            stored.pop(change.file_id, None)
            deleted[change.file_id] = change.revision
        elif change.attributes is not None:
            deleted.pop(change.file_id, None)
            stored[change.file_id] = change.attributes
    return Effect(list(stored.values()), deleted)
