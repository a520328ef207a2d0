"""Compare a body that is sent again with the file that is there already."""

import asyncio
import hashlib
from collections.abc import AsyncIterable

from artstore_kit.contracts.files import FileAttributes
from storage_element.usecases.errors import KeyReusedError


async def check_same(attributes: FileAttributes, body: AsyncIterable[bytes]) -> None:
    """Raise KeyReusedError unless a body is the bytes of this file."""
    digest = hashlib.sha256()
    size = 0
    async for chunk in body:
        size += len(chunk)
        if size > attributes.size:
            break
        await asyncio.to_thread(digest.update, chunk)
    if size != attributes.size or digest.hexdigest() != attributes.sha256:
        message = f"this key or id belongs to other bytes: file {attributes.file_id}"
        raise KeyReusedError(message)
