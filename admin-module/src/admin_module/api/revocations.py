"""The revocations over HTTP: for modules, while Redis is away."""

from fastapi import APIRouter

from admin_module.api.audited import AuditedRoute
from admin_module.api.dependencies import ElementReader, Opened
from artstore_kit.contracts.revocations import Revocations
from artstore_kit.errors import problems

router = APIRouter(
    prefix="/api/v1/auth",
    tags=["auth"],
    route_class=AuditedRoute,
    responses=problems(401, 403, 429, 503),
)


@router.get("/revocations")
async def get_revocations(services: Opened, _caller: ElementReader) -> Revocations:
    """Say which tokens are refused although they have not expired.

    Out: by account, the oldest generation (`gen`) that still counts, and single tokens (`jti`).
    Errors: 401, 403 without `elements:read`.
    """
    return services.revocations.current
