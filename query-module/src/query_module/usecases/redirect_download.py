"""Direct mode: let the client fetch a file's bytes from the element itself."""

from datetime import UTC, datetime

from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.elements import Mode
from artstore_kit.contracts.files import StoredFile
from artstore_kit.grants import Grant, Grants
from query_module.metrics import REDIRECTS
from query_module.usecases.download_file import Sources


def redirect_download(
    file: StoredFile, actor: Actor, *, grants: Grants | None, sources: Sources
) -> str | None:
    """Return where the file can be read for a minute; None where it must come through us.

    That is so without direct mode, and where the element cannot send it: archived, or away.
    """
    element = sources.registry().get(file.element_id)
    if grants is None or element is None or element.mode is Mode.AR:
        return None
    if sources.elements.is_resting(element):
        return None
    REDIRECTS.inc()
    # How much of it the client will read is the element's to count.
    sources.tally.count(file.file_id, downloads=1, sent=0, at=datetime.now(UTC))
    grant = Grant(
        op="read",
        file_id=file.file_id,
        account=actor.account,
        scope=" ".join(sorted(actor.scopes)),
    )
    return grants.granted_url(f"{element.url}/api/v1/files/{file.file_id}/content", grant)
