"""Edit what is said of a file: its attributes are replaced, its bytes never (DESIGN 5).

1. the rules are asked, then the journal records the intent, then they are asked again;
2. the attributes are replaced atomically: **the commit point**;
3. one transaction makes the edit known: row, change, journal entry closed.

Dying before 2 leaves the file as it was, dying after it leaves it edited; recovery derives the rest
from the attributes in place.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.files import Described, FileAttributes, Retention
from artstore_kit.errors import UnprocessableError, field_errors
from artstore_kit.failpoints import reached
from storage_element.blobs.store import BlobStore
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import Journal, Operation
from storage_element.domain.element import Element
from storage_element.domain.merge_patch import merge
from storage_element.domain.rules import refuses_edit
from storage_element.usecases.attribute_limit import check_attributes_fit
from storage_element.usecases.change_file import changing, check_revision
from storage_element.usecases.errors import enforce
from storage_element.usecases.read_file import describe_file
from storage_element.usecases.recover_writes import confirm_ours

EDITABLE = frozenset(Described.model_fields)


async def edit_file(
    *,
    file_id: UUID,
    patch: Mapping[str, Any],
    actor: Actor,
    if_match: str | None,
    now: datetime,
    element: Element,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    feed: Feed,
) -> FileAttributes:
    """Apply a merge patch (RFC 7396) for `actor`; one that changes nothing writes nothing.

    Raises NotFoundError, RevisionChangedError, UnprocessableError naming the fields, what the rules
    refuse, AttributesTooLargeError, FileBusyError, StorageFailedError.
    """

    def edited(file: FileAttributes) -> FileAttributes:
        check_revision(file, if_match)
        new = _described(file, patch, now)
        enforce(refuses_edit(element.mode, actor, file, new), element.mode)
        retention = file.retention.model_copy(update=dict(new.retention))
        result = file.model_copy(update={**dict(new), "retention": retention})
        check_attributes_fit(result)
        return result

    known = (await describe_file(file_id, files=files)).attributes
    if edited(known) == known:
        return known
    async with changing(file_id, Operation.EDIT, blobs=blobs, journal=journal, files=files) as row:
        after = edited(row.attributes).model_copy(update={"revision": row.attributes.revision + 1})
        reached("edit.begun")
        await replace_attributes(row.place, after, blobs=blobs, journal=journal, files=files)
    feed.announce()
    reached("edit.committed")
    return after


async def replace_attributes(
    place: str, after: FileAttributes, *, blobs: BlobStore, journal: Journal, files: Files
) -> None:
    """Do steps 2 and 3."""
    await confirm_ours(after.file_id, blobs=blobs, journal=journal)
    await blobs.write_attributes(after.file_id, place, after.document())
    reached("edit.attributes_written")
    await files.commit(place, after)


def _described(file: FileAttributes, patch: Mapping[str, Any], now: datetime) -> Described:
    fixed = sorted(set(patch) - EDITABLE)
    if fixed:
        faults = [{"field": name, "message": "cannot be edited"} for name in fixed]
        raise UnprocessableError(f"cannot be edited: {', '.join(fixed)}", errors=faults)
    if patch.get("retention", ...) is None:
        faults = [{"field": "retention", "message": "cannot be removed"}]
        raise UnprocessableError("retention cannot be removed", errors=faults)
    before = file.model_dump(mode="json", include=set(EDITABLE))
    before["retention"] = {name: before["retention"][name] for name in Retention.model_fields}
    try:
        new = Described.model_validate(merge(before, patch))
    except ValidationError as error:
        faults = field_errors(error.errors())
        message = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
        raise UnprocessableError(message, errors=faults) from error
    ends = new.retention.expires_at
    if ends is not None and ends != file.retention.expires_at and ends <= now:
        faults = [{"field": "retention.expires_at", "message": "must be in the future"}]
        raise UnprocessableError("retention.expires_at must be in the future", errors=faults)
    return new
