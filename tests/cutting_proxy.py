"""A proxy between a client and a service that cuts connections, slows them, and refuses."""

import asyncio
import random
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_READ_BYTES = 64 * 1024


class CuttingProxy:
    """Passes bytes on, both ways, until it is told otherwise; a real connection each time."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        self._target = (target.hostname or "", target.port or 0)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._cuts: list[int] = []
        self._canned: list[bytes] = []
        self._pause_at: int | None = None
        self._going = asyncio.Event()
        self._going.set()
        self.passed = 0
        self.url = ""
        self.cut = 0
        self.connections = 0

    def cut_after(self, *passed: int) -> None:
        """Cut every connection when so many bytes, in all and either way, have passed."""
        self._cuts = sorted(self.passed + one for one in passed)

    def cut_at_random(self, times: int, within: int, *, seed: int) -> None:
        """Cut so many times while the next `within` bytes pass."""
        numbers = random.Random(seed)  # noqa: S311 - where to cut is no secret
        self.cut_after(*(numbers.randrange(within) for _ in range(times)))

    def pause_after(self, passed: int) -> None:
        """Pass nothing on, and cut nothing, when so many bytes more have passed."""
        self._pause_at = self.passed + passed

    def resume(self) -> None:
        """Go on with everything that is held."""
        self._pause_at = None
        self._loop.call_soon_threadsafe(self._going.set)

    @property
    def is_paused(self) -> bool:
        return self._pause_at is not None and not self._going.is_set()

    def answer_next(self, *answers: str) -> None:
        """Answer the next requests so, each on its connection, and pass none of them on."""
        self._canned = [answer.replace("\n", "\r\n").encode() for answer in answers]

    def __enter__(self) -> Self:
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self._server

    async def _close(self) -> None:
        self._server.close()
        self._going.set()
        self._cut_all()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=1)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._canned:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self._canned.pop(0))
            # What is closed with bytes unread takes the answer with it.
            while await reader.read(_READ_BYTES):
                continue
            await _closed(writer)
            return
        try:
            peer_reader, peer_writer = await asyncio.open_connection(*self._target)
        except OSError:
            await _closed(writer)
            return
        self._writers |= {writer, peer_writer}
        await asyncio.gather(self._pass(reader, peer_writer), self._pass(peer_reader, writer))
        self._writers -= {writer, peer_writer}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_READ_BYTES):
                self.passed += len(chunk)
                if self._cuts and self.passed >= self._cuts[0]:
                    self._cuts = [one for one in self._cuts if one > self.passed]
                    self.cut += 1
                    self._cut_all()
                    break
                if self._pause_at is not None and self.passed >= self._pause_at:
                    self._going.clear()
                await self._going.wait()
                writer.write(chunk)
                await writer.drain()
        await _closed(writer)

    def _cut_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


async def _closed(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.close()
        await writer.wait_closed()
