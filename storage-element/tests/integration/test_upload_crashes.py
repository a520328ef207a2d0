"""An element killed (SIGKILL) at each step of an upload in pieces, on every storage."""

import hashlib
import os
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from element_process import ElementProcess, attempt
from element_uploads import UPLOADS, ask_to_begin, begin, content_of, offset_of, send, settle
from element_user import OWNER

from artstore_kit.testing.polling import eventually

# More than one part of an upload in parts.
CONTENT = os.urandom(9 * 1024 * 1024)
FIRST = 100

pytestmark = pytest.mark.slow


async def cut_off(element: ElementProcess, upload_id: UUID, offset: int, content: bytes) -> None:
    """Send a piece during which the element dies."""
    await attempt(
        element.client,
        "PATCH",
        f"{UPLOADS}/{upload_id}",
        content=content,
        headers={**OWNER, "Upload-Offset": str(offset)},
    )
    await element.died()


async def is_one_whole_file(element: ElementProcess, upload_id: UUID) -> None:
    answer = (await settle(element.client, upload_id)).json()
    assert answer["offset"] == len(CONTENT)
    assert answer["file"]["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert await content_of(element.client, upload_id) == CONTENT
    changes = (await element.client.get("/api/v1/changes")).json()["items"]
    stored = [change for change in changes if change["file_id"] == str(upload_id)]
    assert [(change["action"], change["revision"]) for change in stored] == [("stored", 1)]
    assert len(element.traces(upload_id)) == 2
    assert element.backend.pieces() == []


async def restarted(element: ElementProcess, failpoint: str = "") -> None:
    element.kill()
    await element.start(failpoint)


async def test_a_piece_that_is_killed_counts_as_far_as_it_was_acknowledged(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    element, _ = pair
    steps = ["upload.appended"]
    if element.on_s3:
        steps += ["upload.parts_begun", "upload.tail_written"]
    for step in steps:
        await restarted(element)
        upload_id = await begin(element.client, len(CONTENT))
        assert (await send(element.client, upload_id, 0, CONTENT[:FIRST])).is_success
        await restarted(element, step)
        await cut_off(element, upload_id, FIRST, CONTENT[FIRST:-5])
        await element.start()

        assert (await element.client.get("/api/v1/files/" + str(upload_id))).status_code == 404
        offset = await offset_of(element.client, upload_id)
        assert FIRST <= offset < len(CONTENT) - 5, step
        assert (await send(element.client, upload_id, offset, CONTENT[offset:])).is_success, step
        await is_one_whole_file(element, upload_id)


async def test_a_completion_that_is_killed_ends_in_one_whole_file(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    element, _ = pair
    for step in (
        "upload.begun",
        "upload.staged",
        "upload.published",
        "upload.attributes_written",
        "upload.committed",
    ):
        await restarted(element, step)
        upload_id = await begin(element.client, len(CONTENT))
        assert (await send(element.client, upload_id, 0, CONTENT[:FIRST])).is_success
        await cut_off(element, upload_id, FIRST, CONTENT[FIRST:])
        await element.start()

        # The last piece was not acknowledged, but it is all here: whoever asks gets the file.
        await is_one_whole_file(element, upload_id)


async def test_a_completion_that_was_killed_takes_no_more_bytes(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    element, _ = pair
    await restarted(element, "upload.published")
    upload_id = await begin(element.client, len(CONTENT))
    await cut_off(element, upload_id, 0, CONTENT)
    await element.start()

    async def of_unknown_size() -> AsyncIterator[bytes]:
        yield b"more"

    # What is in place already is not touched, and becomes the file.
    assert (await send(element.client, upload_id, len(CONTENT), b"more")).status_code == 413
    await send(element.client, upload_id, len(CONTENT), of_unknown_size())
    await is_one_whole_file(element, upload_id)


async def test_a_completion_that_was_killed_can_be_given_up(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    element, _ = pair
    await restarted(element, "upload.published")
    upload_id = await begin(element.client, len(CONTENT))
    await cut_off(element, upload_id, 0, CONTENT)
    await element.start()
    answer = await element.client.delete(f"{UPLOADS}/{upload_id}", headers=OWNER)
    assert answer.status_code == 204, answer.text
    assert (element.traces(upload_id), element.backend.pieces()) == ([], [])


async def test_an_end_that_is_killed_reclaims_everything(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    element, _ = pair
    for step in ("upload.ended", "upload.reclaimed"):
        await restarted(element, step)
        upload_id = await begin(element.client, len(CONTENT))
        assert (await send(element.client, upload_id, 0, CONTENT[:-5])).is_success
        await attempt(element.client, "DELETE", f"{UPLOADS}/{upload_id}", headers=OWNER)
        await element.died()
        await element.start()

        assert (await settle(element.client, upload_id)).status_code == 410
        await eventually(lambda: not element.backend.pieces() and not element.backend.unfinished())
        assert element.backend.contents() == {}


async def test_a_creation_that_is_killed_can_be_repeated(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    element, _ = pair
    await restarted(element, "upload.created")
    upload_id = uuid4()
    file = {"filename": "большой.bin", "uploaded_by": "maria"}
    new = {"upload_id": str(upload_id), "file": file, "length": len(CONTENT)}
    await attempt(element.client, "POST", UPLOADS, json=new)
    await element.died()
    await element.start()
    answer = await ask_to_begin(element.client, len(CONTENT), upload_id=str(upload_id))
    assert answer.status_code == 200, answer.text
    assert (await send(element.client, upload_id, 0, CONTENT)).is_success
    await is_one_whole_file(element, upload_id)
