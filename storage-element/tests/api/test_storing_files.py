import hashlib
from uuid import UUID, uuid4

import httpx

from artstore_kit.contracts.files import NewFile
from artstore_kit.representation import digest_header

CONTENT = "Договор аренды".encode() * 1000


def described(**fields: object) -> dict[str, str]:
    new = NewFile.model_validate({"filename": "акт.pdf", "uploaded_by": "maria", **fields})
    return {"ArtStore-Attributes": new.to_header()}


async def store(element: httpx.AsyncClient, content: bytes = CONTENT, **fields: object) -> UUID:
    file_id = uuid4()
    answer = await element.put(
        f"/api/v1/files/{file_id}", content=content, headers=described(**fields)
    )
    assert answer.status_code == 201, answer.text
    return file_id


async def test_a_stored_file_is_described_listed_and_sent(element: httpx.AsyncClient) -> None:
    file_id = await store(element)

    attributes = (await element.get(f"/api/v1/files/{file_id}")).json()
    assert attributes["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert attributes["size"] == len(CONTENT)
    assert (await element.get("/api/v1/files")).json()["items"] == [attributes]
    sent = await element.get(f"/api/v1/files/{file_id}/content")
    assert sent.content == CONTENT
    assert sent.headers["Repr-Digest"] == digest_header(attributes["sha256"])
