import hashlib
from datetime import UTC, datetime
from uuid import uuid4

import httpx
from element_user import CONTENT, store

from artstore_kit.contracts.files import FileAttributes, NewFile
from artstore_kit.representation import digest_header
from storage_element.usecases.attribute_limit import check_attributes_fit
from storage_element.usecases.errors import AttributesTooLargeError


async def test_a_stored_file_is_described_listed_and_sent(element: httpx.AsyncClient) -> None:
    file_id = await store(element)

    attributes = (await element.get(f"/api/v1/files/{file_id}")).json()
    assert attributes["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert attributes["size"] == len(CONTENT)
    assert (await element.get("/api/v1/files")).json()["items"] == [attributes]
    sent = await element.get(f"/api/v1/files/{file_id}/content")
    assert sent.content == CONTENT
    assert sent.headers["Repr-Digest"] == digest_header(attributes["sha256"])


async def test_a_file_of_no_declared_type_gets_that_of_its_bytes(
    element: httpx.AsyncClient,
) -> None:
    scan = b"%PDF-1.7\n" + CONTENT
    unsaid = await store(element, scan, filename="scan")
    said = await store(element, scan, filename="scan.pdf", content_type="text/x-ours")

    assert (await element.get(f"/api/v1/files/{unsaid}")).json()["content_type"] == (
        "application/pdf"
    )
    assert (await element.get(f"/api/v1/files/{said}")).json()["content_type"] == "text/x-ours"


async def test_a_type_for_which_the_attributes_have_no_room_stays_unsaid(
    element: httpx.AsyncClient,
) -> None:
    sheet = b"PK\x03\x04" + bytes(200)
    # As much as just fits without the type of a spreadsheet, which is longer than none.
    room = next(
        size for size in range(4096, 0, -1) if _fits(description="x" * size, filename="a.xlsx")
    )
    file_id = await store(element, sheet, filename="a.xlsx", description="x" * room)

    found = (await element.get(f"/api/v1/files/{file_id}")).json()
    assert found["content_type"] == "application/octet-stream"


def _fits(**fields: object) -> bool:
    new = NewFile.model_validate({"uploaded_by": "maria", **fields})
    planned = FileAttributes(
        **new.model_dump(),
        file_id=uuid4(),
        size=2**63 - 1,
        sha256="0" * 64,
        created_at=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    )
    try:
        check_attributes_fit(planned)
    except AttributesTooLargeError:
        return False
    return True
