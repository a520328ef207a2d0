"""Leave in the store what its files mean, for who has nothing but a copy of it."""

import json

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.logging import get_logger
from storage_element.blobs.store import BlobStore

logger = get_logger(__name__)

_NAME = "attributes.schema.json"


async def describe_store(blobs: BlobStore) -> None:
    """Write the JSON Schema of the attributes documents at the storage root."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ArtStore file attributes",
        "description": (
            "Beside the bytes of each file lies <name>.attr.json, a document of this schema. "
            "A file is whole when its bytes have the size and the SHA-256 that are named there."
        ),
        **FileAttributes.model_json_schema(mode="serialization"),
    }
    content = json.dumps(schema, ensure_ascii=False, indent=2).encode() + b"\n"
    try:
        await blobs.write_description(_NAME, content)
    except OSError as error:
        # A full or read-only store must start all the same: it has files to give.
        logger.warning("store_not_described", reason=str(error))
