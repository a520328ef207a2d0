"""An app behind a real socket, in the event loop of the test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import FrameType

import httpx
import uvicorn
from fastapi import FastAPI
from typing_extensions import override

from artstore_kit.testing.authorities import authorities
from artstore_kit.testing.processes import free_port
from artstore_kit.zero_copy import ZeroCopyProtocol


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Serve `app` with its lifespan; yield a client whose base URL it is."""
    server = _Server(
        uvicorn.Config(
            app,
            http=ZeroCopyProtocol,
            port=free_port(),
            log_config=None,
            access_log=False,
            server_header=False,
        )
    )
    task = asyncio.create_task(_serve(server))
    while not server.started:
        if task.done():
            message = "the service did not start; see the log above"
            raise RuntimeError(message)
        await asyncio.sleep(0.01)
    url = f"http://127.0.0.1:{server.config.port}"
    try:
        async with httpx.AsyncClient(base_url=url, timeout=30, verify=authorities()) as client:
            yield client
    finally:
        server.end()
        await task


# Libraries leave a connection open that they are cancelled in making, as jobs do at the start.
_LEAST_SECONDS = 0.1


class _Server(uvicorn.Server):
    """Ends as soon as it is told to: uvicorn looks whether it is ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()

    def end(self) -> None:
        self.should_exit = True
        self._ended.set()

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._ended.set()

    @override
    async def main_loop(self) -> None:
        await self.on_tick(0)
        await asyncio.sleep(_LEAST_SECONDS)
        await self._ended.wait()


async def _serve(server: uvicorn.Server) -> None:
    # A task that raises SystemExit ends the event loop, and every test in it.
    with suppress(SystemExit):
        await server.serve()
