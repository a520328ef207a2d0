import hashlib

import httpx
from element_user import CONTENT, store

from artstore_kit.representation import digest_header


async def test_a_stored_file_is_described_listed_and_sent(element: httpx.AsyncClient) -> None:
    file_id = await store(element)

    attributes = (await element.get(f"/api/v1/files/{file_id}")).json()
    assert attributes["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert attributes["size"] == len(CONTENT)
    assert (await element.get("/api/v1/files")).json()["items"] == [attributes]
    sent = await element.get(f"/api/v1/files/{file_id}/content")
    assert sent.content == CONTENT
    assert sent.headers["Repr-Digest"] == digest_header(attributes["sha256"])
