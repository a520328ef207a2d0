"""Direct mode: let a client send a file to its element itself, so that the bytes cross one hop."""

from collections.abc import Sequence

from artstore_kit.contracts.files import NewFile
from artstore_kit.discovery import Element
from artstore_kit.grants import Grant, Grants
from ingester_module.clients.storage_element import StorageElements
from ingester_module.metrics import GRANTS
from ingester_module.usecases.upload_file import targets_of

# What clients and proxies let pass as one header field.
_MAX_URL = 7000


async def grant_upload(
    *,
    new: NewFile,
    sha256: str | None,
    size_hint: int | None,
    known: Sequence[Element],
    elements: StorageElements,
    grants: Grants,
) -> str | None:
    """Return the URL at the element that takes the file; None where the grant would be too long.

    Chosen as for `upload_file`, which raises the same; a key that was used leads to its file.
    """
    target, *_ = await targets_of(new, size_hint, known, elements)
    grant = Grant(
        op="create",
        file_id=target.file_id,
        account=new.uploaded_by,
        new=new,
        sha256=sha256,
    )
    url = grants.granted_url(f"{target.element.url}/api/v1/files/{target.file_id}", grant)
    if len(url) > _MAX_URL:
        return None
    GRANTS.labels(target.element.element_id).inc()
    return url
