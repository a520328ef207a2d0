"""Uploads in pieces, as an element is asked for them by its tests."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
from element_user import OWNER

UPLOADS = "/api/v1/uploads"


async def begin(element: httpx.AsyncClient, length: int | None, **fields: object) -> UUID:
    """Begin an upload of maria's; return its id."""
    answer = await ask_to_begin(element, length, **fields)
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["upload_id"])


async def ask_to_begin(
    element: httpx.AsyncClient, length: int | None, **fields: object
) -> httpx.Response:
    new: dict[str, object] = {"upload_id": str(uuid4())}
    new |= {} if length is None else {"length": length}
    new |= {
        name: fields.pop(name) for name in ("upload_id", "sha256", "metadata") if name in fields
    }
    new["file"] = {"filename": "большой.bin", "uploaded_by": "maria", **fields}
    return await element.post(UPLOADS, json=new)


async def send(
    element: httpx.AsyncClient,
    upload_id: UUID,
    offset: int,
    content: bytes | AsyncIterator[bytes],
    **headers: str,
) -> httpx.Response:
    """Send a piece; `headers` with underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await element.patch(
        f"{UPLOADS}/{upload_id}",
        content=content,
        headers={**OWNER, "Upload-Offset": str(offset), **named},
    )


async def settle(element: httpx.AsyncClient, upload_id: UUID) -> httpx.Response:
    return await element.post(f"{UPLOADS}/{upload_id}/settle", headers=OWNER)


async def offset_of(element: httpx.AsyncClient, upload_id: UUID) -> int:
    """Ask how far an upload is, as a client that resumes does."""
    answer = await settle(element, upload_id)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["offset"])


async def content_of(element: httpx.AsyncClient, upload_id: UUID) -> bytes:
    answer = await element.get(f"/api/v1/files/{upload_id}/content")
    assert answer.status_code == 200, answer.text
    return answer.content
