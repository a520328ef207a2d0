"""Probes: alive, started, ready. Readiness asks exactly what a request would need."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

_CHECK_TIMEOUT = 3


@dataclass(frozen=True)
class Dependency:
    """Something outside; `check` raises while it is away.

    While a required one is away we are not ready. `details` says more of it to whoever asks.
    """

    name: str
    check: Callable[[], Awaitable[object]]
    required: bool = True
    details: Callable[[], Mapping[str, object]] | None = None


class UnreadyError(Exception):
    """A check's complaint that is meant to be shown: it tells an operator what to do."""


class HasDependencies(Protocol):
    def dependencies(self) -> Sequence[Dependency]: ...


router = APIRouter(prefix="/health", tags=["health"])


async def _state(dependency: Dependency) -> dict[str, object]:
    state: dict[str, object] = {"state": "ok", "required": dependency.required}
    try:
        await asyncio.wait_for(dependency.check(), _CHECK_TIMEOUT)
    except UnreadyError as error:
        state |= {"state": "down", "reason": str(error)}
    except Exception as error:  # noqa: BLE001 - whatever it is, the dependency is down
        state |= {"state": "down", "reason": type(error).__name__}
    if dependency.details is not None:
        state["details"] = dependency.details()
    return state


@router.get("/live")
async def live() -> dict[str, str]:
    """Answer while the process runs; depends on nothing."""
    return {"status": "ok"}


@router.get("/startup")
async def startup() -> dict[str, str]:
    """Answer once start-up is over: the port is not open before."""
    return {"status": "ok"}


@router.get("/ready", responses={503: {"description": "a required dependency is down"}})
async def ready(request: Request) -> JSONResponse:
    """Say whether requests can be served, with the state of each dependency."""
    services: HasDependencies = request.state.services
    dependencies = services.dependencies()
    states = await asyncio.gather(*(_state(dependency) for dependency in dependencies))
    is_ready = all(state["state"] == "ok" for state in states if state["required"])
    body = {
        "status": "ok" if is_ready else "unavailable",
        "dependencies": {
            dependency.name: state for dependency, state in zip(dependencies, states, strict=True)
        },
    }
    return JSONResponse(body, 200 if is_ready else 503)
