"""ArtStore for programs that use asyncio."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack
from uuid import UUID, uuid4

import httpx

from artstore_client.accounts import AsyncAccounts, AsyncTokens
from artstore_client.admin_models import Health
from artstore_client.downloads import Bytes, Download, place_for
from artstore_client.elements import AsyncDrains, AsyncElements
from artstore_client.endpoints import Endpoints
from artstore_client.errors import ArtStoreError, NotFoundError
from artstore_client.journal import Journal
from artstore_client.models import (
    Found,
    Identity,
    ReadStatistics,
    SearchPage,
    Statistics,
    StoredFile,
    Transfer,
)
from artstore_client.moves import AsyncRestores, AsyncTransfers
from artstore_client.parallel import each
from artstore_client.progress import OnProgress, Progress
from artstore_client.records import AsyncAudit, AsyncKeys
from artstore_client.requests import Documents
from artstore_client.retrying import Patience, document_of
from artstore_client.searching import Filters, parameters
from artstore_client.sources import Uploadable, opened
from artstore_client.tokens import Tokens
from artstore_client.transport import Request, Transport
from artstore_client.uploads import Said, Uploaded, Uploader, document

VERSION = "0.1.0"
PATIENCE_SECONDS = 90.0
_TIMEOUT = httpx.Timeout(90, connect=10, pool=None)
# The index may hear of a file a moment after it was acknowledged.
_SETTLING_SECONDS = 15.0

FileId = UUID | str


class AsyncArtStore:
    """A client of ArtStore; use it in `async with`.

    `url`: of the gateway, or Endpoints with one address per service. `patience`: the seconds for
    which a request that fails for the moment is tried again, as `Retry-After` asks. `journal`:
    where uploads that are under way are noted, so that another process can go on with them.
    """

    def __init__(
        self,
        url: str | Endpoints,
        client_id: str,
        client_secret: str,
        *,
        patience: float = PATIENCE_SECONDS,
        journal: Journal | None = None,
    ) -> None:
        self.endpoints = Endpoints.behind(url) if isinstance(url, str) else url
        self.client_id = client_id
        headers = {"User-Agent": f"artstore-client/{VERSION}", "Accept-Encoding": "identity"}
        self._http = httpx.AsyncClient(headers=headers, timeout=_TIMEOUT)
        held = Patience(patience)
        tokens = Tokens(
            self._http,
            held,
            admin=self.endpoints.admin,
            client_id=client_id,
            client_secret=client_secret,
        )
        self._transport = Transport(self._http, tokens, held)
        self._ingest = Documents(self._transport, f"{self.endpoints.ingester}/api/v1/ingest")
        self._query = Documents(self._transport, f"{self.endpoints.query}/api/v1")
        self._uploader = Uploader(
            self._ingest.base, client_id, self._transport, journal, self._settled
        )
        admin = Documents(self._transport, f"{self.endpoints.admin}/api/v1")
        self.tokens = AsyncTokens(admin, tokens)
        self.accounts = AsyncAccounts(admin)
        self.elements = AsyncElements(admin)
        self.drains = AsyncDrains(admin)
        self.transfers = AsyncTransfers(admin)
        self.restores = AsyncRestores(admin)
        self.keys = AsyncKeys(admin)
        self.audit = AsyncAudit(admin)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def whoami(self) -> Identity:
        """Say which account this is, and what it may do."""
        return await self.tokens.inspect(await self.tokens.get())

    async def health(self) -> dict[str, Health]:
        """Say of each service whether it is ready; one that does not answer is `unreachable`."""
        found = {}
        for name, url in self.endpoints.by_name.items():
            try:
                answer = await self._http.get(f"{url}/health/ready")
                found[name] = Health.model_validate(answer.json())
            except (httpx.TransportError, ValueError):
                found[name] = Health(status="unreachable")
        return found

    async def upload(
        self,
        what: Uploadable,
        *,
        name: str | None = None,
        idempotency_key: str | None = None,
        sha256: str | None = None,
        on_progress: OnProgress | None = None,
        **said: Unpack[Said],
    ) -> StoredFile:
        """Store a file (a path, bytes, or a stream) and return it once it is durable.

        Above 64 MiB it goes up in parts, and on from where it was after any interruption. `sha256`:
        of the bytes, if you have it; else it is taken before they are sent. The server keeps no
        other bytes.
        """
        async with opened(what, name) as source:
            full = document(source, sha256 or await source.sha256(), said)
            key = idempotency_key or uuid4().hex
            return await self._uploader.send(source, full, key, Progress(source.size, on_progress))

    async def upload_many(
        self, what: Iterable[Uploadable], *, parallel: int = 4, **said: Unpack[Said]
    ) -> list[Uploaded]:
        """Upload several files, some at a time; one that fails does not stop the others.

        Out: what became of each, in their order. What is `said` is said of all of them.
        """
        asked = list(enumerate(what))
        done: dict[int, Uploaded] = {}

        async def one(item: tuple[int, Uploadable]) -> None:
            number, file = item
            try:
                done[number] = Uploaded(file, await self.upload(file, **said))
            except (ArtStoreError, OSError) as error:
                done[number] = Uploaded(file, error=error)

        await each(one, asked, parallel=parallel)
        return [done[number] for number, _ in asked]

    async def get(self, file_id: FileId) -> StoredFile:
        """Return what is known of a file; NotFoundError also for what the account may not see."""
        return await self._query.one(StoredFile, "GET", f"/files/{file_id}")

    def search(self, text: str = "", **filters: Unpack[Filters]) -> AsyncIterator[Found]:
        """Yield every file that matches, over all pages, best or newest first."""
        return self._query.items(Found, "/search", parameters(text, filters))

    async def search_page(
        self,
        text: str = "",
        *,
        limit: int = 20,
        cursor: str | None = None,
        facets: Sequence[str] = (),
        **filters: Unpack[Filters],
    ) -> SearchPage:
        """Return one page of a search; `facets` counts what matches by these fields."""
        asked = {**parameters(text, filters), "limit": limit}
        if cursor is not None:
            asked["cursor"] = cursor
        if facets:
            asked["facets"] = list(facets)
        return await self._query.one(SearchPage, "GET", "/search", params=asked)

    async def suggest(self, text: str, *, limit: int = 10) -> list[str]:
        """Return words and names that begin like `text`."""
        request = Request("GET", f"{self._query.base}/suggest", params={"q": text, "limit": limit})
        answer = await self._transport.send(request)
        return [str(item) for item in document_of(answer)["items"]]

    async def statistics(self) -> Statistics:
        """Say what is kept, and how much of it is read; for operators."""
        return await self._query.one(Statistics, "GET", "/statistics")

    async def read_statistics(self, file_id: FileId) -> ReadStatistics:
        """Say how often a file was read; for operators."""
        return await self._query.one(ReadStatistics, "GET", f"/files/{file_id}/statistics")

    async def read(self, file: StoredFile) -> AsyncIterator[bytes]:
        """Yield a file's bytes; DigestMismatchError at the end if they are not what was stored."""
        async for chunk in self._bytes(file).read_verified():
            yield chunk

    async def download(
        self,
        file_id: FileId,
        target: str | Path = ".",
        *,
        parallel: int = 4,
        overwrite: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Path:
        """Fetch a file into a folder, or to a path; return where it is.

        Large files come in ranges, `parallel` at a time. A download that was ended goes on where it
        was. The file has its name only once all of it has the right digest.
        """
        file = await self.get(file_id)
        path = place_for(file, Path(target), overwrite=overwrite)
        progress = Progress(file.size, on_progress)
        await Download(self._bytes(file), path, progress).run(parallel)
        return path

    async def edit(
        self, file_id: FileId, changes: Mapping[str, Any], *, revision: int | None = None
    ) -> StoredFile:
        """Change what is said of a file, as a merge patch (RFC 7396) would.

        With `revision` only if the file still has that one: ChangedError. Without, it is done to
        whatever is there.
        """
        if revision is not None:
            return await self._edit(file_id, changes, revision)
        return await self._change(file_id, lambda _: changes)

    async def retag(
        self, file_id: FileId, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> StoredFile:
        """Add and remove tags, whatever else happens to the file meanwhile."""

        def changes(file: StoredFile) -> Mapping[str, Any]:
            kept = [tag for tag in file.tags if tag not in remove]
            return {"tags": [*kept, *(tag for tag in add if tag not in kept)]}

        return await self._change(file_id, changes)

    async def delete(self, file_id: FileId) -> None:
        """Delete a file; what is permanent cannot be, and what is on legal hold."""
        await self._ingest.none("DELETE", f"/files/{file_id}")

    async def finalize(self, file_id: FileId, *, wait: bool = False) -> Transfer:
        """Make a temporary file permanent; with `wait` return when it is, or TransferFailedError.

        It may move to another element for that, and can be read all the while.
        """
        headers = {"Idempotency-Key": uuid4().hex}
        path = f"/files/{file_id}/finalize"
        transfer = await self._ingest.one(Transfer, "POST", path, headers=headers)
        return await self.transfers.wait(transfer.transfer_id) if wait else transfer

    async def _change(
        self, file_id: FileId, changes: Callable[[StoredFile], Mapping[str, Any]]
    ) -> StoredFile:
        async for attempt in self._transport.patience.until_unchanged():
            with attempt:
                file = await self.get(file_id)
                return await self._edit(file_id, changes(file), file.revision)
        raise AssertionError  # pragma: no cover - the last attempt raises

    async def _edit(self, file_id: FileId, changes: Mapping[str, Any], revision: int) -> StoredFile:
        headers = {"If-Match": f'"{revision}"', "Content-Type": "application/merge-patch+json"}
        path = f"/files/{file_id}"
        return await self._ingest.one(
            StoredFile, "PATCH", path, json=dict(changes), headers=headers
        )

    async def _settled(self, file_id: str) -> StoredFile | None:
        """Return a file that was just stored; None where it does not come to be known."""
        try:
            async for attempt in self._transport.patience.until_found(_SETTLING_SECONDS):
                with attempt:
                    return await self.get(file_id)
        except NotFoundError:
            return None
        raise AssertionError  # pragma: no cover - the last attempt raises

    def _bytes(self, file: StoredFile) -> Bytes:
        return Bytes(file, f"{self._query.base}/files/{file.file_id}/content", self._transport)
