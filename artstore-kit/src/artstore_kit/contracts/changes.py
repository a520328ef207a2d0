"""The change feed of a storage element (DESIGN 6)."""

from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel

from artstore_kit.contracts.files import FileAttributes


class Action(StrEnum):
    STORED = "stored"
    EDITED = "edited"
    DELETED = "deleted"


class Change(BaseModel):
    """One entry of the feed.

    `attributes` are those of the file now, which may be newer than this entry; they are absent
    when the file has since been deleted (its own entry follows).
    """

    seq: int
    action: Action
    file_id: UUID
    revision: int
    attributes: FileAttributes | None = None


class ChangeBatch(BaseModel):
    """`next` is the `after` of the following request; `head` the newest entry there is."""

    feed_id: UUID
    items: list[Change]
    next: int
    head: int
