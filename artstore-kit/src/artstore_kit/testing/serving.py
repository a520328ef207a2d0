"""An app behind a real socket, in the event loop of the test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import uvicorn
from fastapi import FastAPI

from artstore_kit.testing.processes import free_port
from artstore_kit.zero_copy import ZeroCopyProtocol


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Serve `app` with its lifespan; yield a client whose base URL it is."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=ZeroCopyProtocol,
            port=port,
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
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        await task


async def _serve(server: uvicorn.Server) -> None:
    # A task that raises SystemExit ends the event loop, and every test in it.
    with suppress(SystemExit):
        await server.serve()
