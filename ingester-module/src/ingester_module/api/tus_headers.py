"""What tus 1.0 wants of every request and answer below one path, errors included."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingester_module.domain import tus

_METHODS = frozenset({"HEAD", "PATCH", "DELETE"})


class TusHeaders:
    """Names the version in every answer, keeps HEAD out of caches, obeys the method override."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._is_ours(scope["path"]):
            await self._app(scope, receive, send)
            return
        override = Headers(scope=scope).get("x-http-method-override", "").upper()
        if scope["method"] == "POST" and override in _METHODS:
            # For clients whose environment knows neither PATCH nor DELETE.
            scope = {**scope, "method": override}
        is_head = scope["method"] == "HEAD"

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Tus-Resumable"] = tus.VERSION
                if is_head:
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, send_on)

    def _is_ours(self, path: str) -> bool:
        return path == self._prefix or path.startswith(f"{self._prefix}/")
