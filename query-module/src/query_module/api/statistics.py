"""What is kept and how much it is read, for operators."""

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict

from artstore_kit.errors import problems
from query_module.api.dependencies import Opened, Operator

router = APIRouter(
    prefix="/api/v1/statistics", tags=["statistics"], responses=problems(401, 403, 429, 503)
)


class ElementStatistics(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    element_id: str
    files: int
    bytes: int


class TotalStatistics(BaseModel):
    """`files` and `bytes` are those of the index now; downloads are all there ever were."""

    files: int
    bytes: int
    downloads: int
    downloaded_bytes: int
    last_read: AwareDatetime | None
    elements: list[ElementStatistics]


@router.get("")
async def get_totals(_caller: Operator, services: Opened) -> TotalStatistics:
    """Say what the elements hold and how much of it was ever read. Needs `files:admin`.

    Downloads are counted in memory and added every few seconds: the last ones may be missing, and
    those of a replica that died are lost.
    """
    held = await services.statistics.held()
    reads = await services.statistics.total()
    return TotalStatistics(
        files=sum(element.files for element in held),
        bytes=sum(element.bytes for element in held),
        downloads=reads.downloads,
        downloaded_bytes=reads.bytes,
        last_read=reads.last_read,
        elements=[ElementStatistics.model_validate(element) for element in held],
    )
