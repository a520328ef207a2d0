"""The change feed."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from artstore_kit.application import nobody_waits
from artstore_kit.contracts.changes import ChangeBatch
from artstore_kit.errors import problems
from storage_element.api.dependencies import Opened, Reader

router = APIRouter(
    prefix="/api/v1/changes", tags=["changes"], responses=problems(401, 403, 422, 503)
)


@router.get("", response_model_exclude_none=True)
async def get_changes(  # noqa: PLR0917 - one parameter a field of the request
    request: Request,
    _caller: Reader,
    services: Opened,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="`next` of the batch before")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
    wait: Annotated[float, Query(ge=0, le=30, description="seconds to wait for a change")] = 0,
) -> ChangeBatch:
    """Return what was committed behind `after`, in the order of commits and without gaps.

    A `feed_id` other than before means that the database was rebuilt: compare the listings.
    """
    return await services.feed.batch(
        after=after, limit=limit, wait=wait, give_up=lambda: nobody_waits(request)
    )
