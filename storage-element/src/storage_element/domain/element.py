"""The element as this process knows it now; refreshed from the database every few seconds."""

from dataclasses import dataclass, field
from uuid import UUID

from artstore_kit.contracts.elements import Mode, StorageType
from storage_element.domain.room import Room


@dataclass
class Element:
    element_id: str
    storage_type: StorageType
    max_file_size: int
    mode: Mode
    feed_id: UUID
    room: Room = field(default_factory=Room)
