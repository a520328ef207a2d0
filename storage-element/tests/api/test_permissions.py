"""Every mode, operation, scope, retention and legal hold, against a table written by hand."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from element_user import (
    ADMIN,
    CONTENT,
    NOW,
    OWNER,
    READER,
    STRANGER,
    TEMPORARY,
    Clock,
    Start,
    described,
    store,
)

from artstore_kit.contracts.elements import Mode

MODULE: dict[str, str] = {}
WHO = {"owner": OWNER, "stranger": STRANGER, "reader": READER, "admin": ADMIN, "module": MODULE}
# T temporary, P permanent; H under legal hold.
KINDS = ("T", "P", "TH", "PH")

Act = Callable[[httpx.AsyncClient, UUID, dict[str, str]], Awaitable[httpx.Response]]


def patched(body: object) -> Act:
    async def act(element: httpx.AsyncClient, file_id: UUID, who: dict[str, str]) -> httpx.Response:
        return await element.patch(f"/api/v1/files/{file_id}", json=body, headers=who)

    return act


def until(days: int) -> dict[str, object]:
    ends = NOW + timedelta(days=days)
    return {"retention": {"policy": "temporary", "expires_at": ends.isoformat()}}


async def delete(element: httpx.AsyncClient, file_id: UUID, who: dict[str, str]) -> httpx.Response:
    return await element.delete(f"/api/v1/files/{file_id}", headers=who)


async def overwrite(
    element: httpx.AsyncClient, file_id: UUID, who: dict[str, str]
) -> httpx.Response:
    return await element.put(
        f"/api/v1/files/{file_id}", content=b"other bytes", headers={**who, **described()}
    )


async def create(element: httpx.AsyncClient, _file_id: UUID, who: dict[str, str]) -> httpx.Response:
    return await element.put(
        f"/api/v1/files/{uuid4()}", content=CONTENT, headers={**who, **described()}
    )


async def move(element: httpx.AsyncClient, file_id: UUID, who: dict[str, str]) -> httpx.Response:
    return await element.put(f"/api/v1/files/{file_id}/move", json={"to": "se-other"}, headers=who)


async def describe(
    element: httpx.AsyncClient, file_id: UUID, who: dict[str, str]
) -> httpx.Response:
    return await element.get(f"/api/v1/files/{file_id}", headers=who)


async def read(element: httpx.AsyncClient, file_id: UUID, who: dict[str, str]) -> httpx.Response:
    return await element.get(f"/api/v1/files/{file_id}/content", headers=who)


OPERATIONS: dict[str, Act] = {
    "create": create,
    "describe": describe,
    "read": read,
    "edit": patched({"description": "edited"}),
    "extend": patched(until(30)),
    "shorten": patched(until(1)),
    "finalize": patched({"retention": {"policy": "permanent", "expires_at": None}}),
    "hold": patched({"legal_hold": True}),
    "lift": patched({"legal_hold": False}),
    "delete": delete,
    "overwrite": overwrite,
    "move": move,
}
# What an operation means nothing for: it would change nothing, or is another one.
POINTLESS = {
    "create": {"P", "TH", "PH"},
    "extend": {"P", "PH"},
    "finalize": {"P", "PH"},
    "hold": {"TH", "PH"},
    "lift": {"T", "P"},
}
EVERY = "T P TH PH"
# mode, operation: who may do it to which files. What is not here is refused.
WRITABLE: dict[str, dict[str, str]] = {
    "edit": {"owner": "T P", "admin": "T P"},
    "extend": {"owner": "T", "admin": "T"},
    "finalize": {"owner": "T", "admin": "T"},
    "hold": {"admin": "T P"},
    "lift": {"admin": "TH PH"},
}
MOVABLE = {"move": dict.fromkeys(WHO, EVERY)}
# Whoever may call at all: the ingester has asked who uploads.
CREATABLE = {"create": dict.fromkeys(WHO, "T")}
READABLE = {"describe": dict.fromkeys(WHO, EVERY), "read": dict.fromkeys(WHO, EVERY)}
ALLOWED: dict[Mode, dict[str, dict[str, str]]] = {
    Mode.EDIT: {
        **CREATABLE,
        **READABLE,
        **WRITABLE,
        **MOVABLE,
        "shorten": {"owner": "T", "admin": "T"},
        "delete": {"owner": "T", "admin": "T P"},
    },
    Mode.RW: {
        **CREATABLE,
        **READABLE,
        **WRITABLE,
        **MOVABLE,
        "shorten": {"admin": "T"},
        "delete": {"admin": "T P"},
    },
    Mode.RO: {**READABLE, **MOVABLE},
    Mode.AR: {"describe": dict.fromkeys(WHO, EVERY)},
}


@dataclass(frozen=True)
class Cell:
    operation: str
    who: str
    kind: str

    def allowed(self, mode: Mode, *, expired: bool) -> bool:
        if self.operation == "shorten" and expired:
            # It would end in the past.
            return False
        return self.kind in ALLOWED[mode].get(self.operation, {}).get(self.who, "").split()


CELLS = [
    Cell(operation, who, kind)
    for operation in OPERATIONS
    for who in WHO
    for kind in KINDS
    if kind not in POINTLESS.get(operation, set())
]


async def fill(element: httpx.AsyncClient, allowed: set[Cell]) -> dict[Cell, UUID]:
    """Store a file for every cell that may, and one of each kind for all others to try."""
    kept = {kind: await of_kind(element, kind) for kind in KINDS}
    return {
        cell: await of_kind(element, cell.kind) if cell in allowed else kept[cell.kind]
        for cell in CELLS
    }


async def of_kind(element: httpx.AsyncClient, kind: str) -> UUID:
    retention = TEMPORARY if "T" in kind else {"policy": "permanent"}
    return await store(element, retention=retention, legal_hold="H" in kind)


async def enter(element: httpx.AsyncClient, mode: Mode) -> None:
    if mode in {Mode.RO, Mode.AR}:
        answer = await element.put("/api/v1/mode", json={"mode": "ro"})
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("mode", "expired"),
    [
        (Mode.EDIT, False),
        (Mode.RW, False),
        (Mode.RO, False),
        (Mode.AR, False),
        # Until it is collected, a file whose time is over is no freer than before.
        (Mode.EDIT, True),
        (Mode.RW, True),
    ],
)
async def test_nobody_does_what_mode_scope_retention_or_hold_forbid(
    start: Start, clock: Clock, root: Path, mode: Mode, *, expired: bool
) -> None:
    allowed = {cell for cell in CELLS if cell.allowed(mode, expired=expired)}
    filled_in = Mode.EDIT if mode is Mode.EDIT else Mode.RW
    async with start(STORAGE_MODE=filled_in) as element:
        files = await fill(element, allowed)
        await enter(element, mode)
    if expired:
        clock.now += timedelta(days=8)
    async with start(STORAGE_MODE=mode) as element:
        assert (await element.get("/api/v1/info")).json()["mode"] == mode
        before = await listing(element)
        for cell, file_id in files.items():
            answer = await OPERATIONS[cell.operation](element, file_id, WHO[cell.who])
            fault = f"{mode} {cell}: {answer.status_code} {answer.text}"
            assert answer.is_success == (cell in allowed), fault
        after = await listing(element)
    for cell in CELLS:
        if cell not in allowed:
            assert after[files[cell]] == before[files[cell]], cell
    kept = [path for path in root.rglob("*") if path.is_file() and path.suffix == ".pdf"]
    assert len(kept) == len(after)
    assert all(path.read_bytes() == CONTENT for path in kept)


async def listing(element: httpx.AsyncClient) -> dict[UUID, object]:
    answer = await element.get("/api/v1/files", params={"limit": 1000})
    return {UUID(item["file_id"]): item for item in answer.json()["items"]}
