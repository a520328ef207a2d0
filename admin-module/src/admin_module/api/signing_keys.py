"""Signing keys over HTTP, for administrators; the public halves are at /.well-known/jwks.json."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from admin_module.api.audited import AuditedRoute
from admin_module.api.dependencies import KeyAdministrator, Opened
from admin_module.database.signing_keys import StoredKey
from admin_module.usecases.keep_keys import active_of, list_keys
from artstore_kit.errors import UnprocessableError, problems

router = APIRouter(
    prefix="/api/v1/signing-keys",
    tags=["signing keys"],
    route_class=AuditedRoute,
    responses=problems(401, 403, 422, 429, 503),
)

KeyId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{43}$")]


class KeyState(StrEnum):
    NEXT = "next"
    ACTIVE = "active"
    RETIRED = "retired"


class KeyView(BaseModel):
    kid: str
    state: KeyState
    created_at: AwareDatetime
    active_from: AwareDatetime


class KeyList(BaseModel):
    items: list[KeyView]


class Rotation(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    private_key: SecretStr | None = Field(
        default=None, description="RSA, 2048 bits or more, PEM; generated where absent"
    )
    immediately: bool = Field(default=False, description="sign with it now: the old one leaked")


@router.get("")
async def list_all(services: Opened, _caller: KeyAdministrator) -> KeyList:
    """List the published keys: the next one, the one that signs, and those before, oldest first.

    Errors: 401, 403 without `keys:admin`.
    """
    stored = await list_keys(database=services.database)
    active = active_of(stored)
    return KeyList(items=[_view(known, active) for known in stored])


@router.post("/rotate", status_code=201, responses=problems(400, 408, 409, 413))
async def rotate(
    services: Opened, caller: KeyAdministrator, asked: Rotation | None = None
) -> KeyView:
    """Publish a new key now; it signs 10 minutes later, when every validator knows it.

    In: optionally the key itself, and `immediately` to sign with it at once (validators then fetch
    it on first sight). What the keys before signed stays good until it expires: DELETE a key to
    end that. Out: 201 and the key. Errors: 401, 403 without `keys:admin`, 409 `key_exists`,
    `rotation_under_way`; 422 where the key is none.
    """
    asked = asked or Rotation()
    pem = asked.private_key.get_secret_value() if asked.private_key else None
    try:
        added = await services.keys.rotate(pem, immediately=asked.immediately, by=caller)
    except ValueError as error:
        fault = {"field": "private_key", "message": str(error)}
        raise UnprocessableError(f"private_key {error}", errors=[fault]) from error
    return _view(added, added.kid)


@router.delete("/{kid}", status_code=204, responses=problems(404, 409))
async def withdraw(kid: KeyId, services: Opened, caller: KeyAdministrator) -> None:
    """Publish a key no longer: what it signed is refused once validators look again (5 minutes).

    Errors: 401, 403 without `keys:admin`, 404, 409 `key_signs`.
    """
    await services.keys.withdraw(kid, by=caller)


def _view(known: StoredKey, active: str) -> KeyView:
    state = KeyState.NEXT if known.active_in > 0 else KeyState.RETIRED
    return KeyView(
        kid=known.kid,
        state=KeyState.ACTIVE if known.kid == active and known.active_in <= 0 else state,
        created_at=known.created_at,
        active_from=known.active_from,
    )
