"""The kernel sends a file's bytes to a client; no process touches them.

ASGI has a message for it, the extension `http.response.zerocopysend`, which uvicorn does not know
(https://asgi.readthedocs.io/en/latest/extensions.html). An application may send it where the
request's scope names it among its `extensions`: not where TLS must encrypt the bytes first.
"""

import asyncio
import os
import select
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import override
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from artstore_kit.finishing import finished

ZERO_COPY = "http.response.zerocopysend"

# A disk may keep a thread waiting, a slow client may not: it is left to the event loop.
_THREADS = ThreadPoolExecutor(16, thread_name_prefix="sendfile")
_PATIENCE_MS = 2
_VISIT_BYTES = 8 * 1024 * 1024


class ZeroCopyProtocol(HttpToolsProtocol):
    """Uvicorn's side of an HTTP connection, with files that the kernel sends.

    The message: `file`, a descriptor; `offset` and `count`, both in bytes and both required; and
    `more_body`. Its sender hears of a client that went away (ClientDisconnect), of a file that ends
    too soon (EOFError), and of one that cannot be read (OSError).
    """

    _blocked: asyncio.Future[None] | None = None

    @override
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if self.scheme == "http":
            app = cast("ASGI3Application", self._offering(cast("ASGIApp", app), cycle))
        super()._start_asgi_task(cycle, app)

    def _offering(self, app: ASGIApp, cycle: RequestResponseCycle) -> ASGIApp:
        async def offered(scope: Scope, receive: Receive, send: Send) -> None:
            async def sending(message: Message) -> None:
                if message["type"] != ZERO_COPY:
                    await send(message)
                    return
                await self._send_file(cycle, message["file"], message["offset"], message["count"])
                await send({"type": "http.response.body", "more_body": message["more_body"]})

            scope["extensions"] = {ZERO_COPY: {}}
            await app(scope, receive, sending)

        return offered

    async def _send_file(
        self, cycle: RequestResponseCycle, file: int, offset: int, count: int
    ) -> None:
        if cycle.chunked_encoding or count > cycle.expected_content_length:
            message = "a file is sent within the Content-Length that was announced"
            raise RuntimeError(message)
        cycle.expected_content_length -= count
        await self._written()
        if self.transport.is_closing():
            raise ClientDisconnect
        # A descriptor of our own: the transport may close its own at any time, and a number that
        # was closed may be somebody else's by now. The event loop watches no number twice, either.
        socket = os.dup(self.transport.get_extra_info("socket").fileno())
        try:
            await self._sent(socket, file, offset, count)
        except (ConnectionError, TimeoutError) as error:
            raise ClientDisconnect from error
        finally:
            os.close(socket)

    async def _written(self) -> None:
        """Wait until all that was given to the transport is with the kernel."""
        self.transport.set_write_buffer_limits(high=0)
        await self.flow.drain()
        if not self.transport.is_closing():
            self.transport.set_write_buffer_limits()

    async def _sent(self, socket: int, file: int, offset: int, count: int) -> None:
        loop = asyncio.get_running_loop()
        end = offset + count
        while offset < end:
            if self.transport.is_closing():
                raise ClientDisconnect
            sent = await finished(
                loop.run_in_executor(_THREADS, _push, socket, file, offset, end - offset)
            )
            offset += sent
            if sent == 0:
                await self._writable(socket)

    async def _writable(self, socket: int) -> None:
        """Wait until the client has taken something, or is gone."""
        loop = asyncio.get_running_loop()
        self._blocked = loop.create_future()
        loop.add_writer(socket, self._unblock)
        try:
            await self._blocked
        finally:
            loop.remove_writer(socket)
            self._blocked = None

    def _unblock(self) -> None:
        if self._blocked is not None and not self._blocked.done():
            self._blocked.set_result(None)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unblock()


def _push(socket: int, file: int, offset: int, count: int) -> int:
    """Send while the client keeps pace; return how many bytes it took."""
    sent, most = 0, min(count, _VISIT_BYTES)
    while sent < most:
        try:
            taken = os.sendfile(socket, file, offset + sent, most - sent)
        except BlockingIOError:
            if not _becomes_writable(socket):
                break
            continue
        if taken == 0:
            message = "the file ends before its last byte"
            raise EOFError(message)
        sent += taken
    return sent


def _becomes_writable(socket: int) -> bool:
    poll = select.poll()
    poll.register(socket, select.POLLOUT)
    return bool(poll.poll(_PATIENCE_MS))
