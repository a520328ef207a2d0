from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from admin_module.domain.restores import Restore, fault_of, may_read
from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.files import FileAttributes
from artstore_kit.contracts.restores import RestoreState

NOW = datetime(2026, 11, 25, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
ARCHIVED, COPY = UUID(int=1), UUID(int=2)
DIGEST = "0" * 64


def _file(file_id: UUID = COPY, **changes: Any) -> FileAttributes:
    return FileAttributes.model_validate(
        {
            "file_id": file_id,
            "filename": "a.txt",
            "size": 10,
            "sha256": DIGEST,
            "created_at": NOW,
            "uploaded_by": "owner",
            "retention": {"policy": "temporary", "expires_at": LATER},
            **changes,
        }
    )


WANTED = Restore(
    request_id=UUID(int=3),
    file_id=ARCHIVED,
    element_id="se-01",
    account="owner",
    askers=["owner"],
    state=RestoreState.RESTORING,
    size=10,
    sha256=DIGEST,
    restored_file_id=None,
    restored_until=None,
    error=None,
    requested_at=NOW,
    updated_at=NOW,
    position=None,
)


@pytest.mark.parametrize(
    ("copy", "fault"),
    [
        (_file(), None),
        (_file(ARCHIVED), "same_file"),
        (_file(size=11), "restored_file_differs"),
        (_file(sha256="1" * 64), "restored_file_differs"),
        (_file(retention={"policy": "permanent"}), "not_temporary"),
        (_file(retention={"policy": "temporary", "expires_at": NOW}), "restored_file_expired"),
    ],
)
def test_a_copy_has_the_same_bytes_and_an_end(copy: FileAttributes, fault: str | None) -> None:
    found = fault_of(copy, WANTED, NOW)
    assert (found and found[0]) == fault


@pytest.mark.parametrize(
    ("account", "scope", "may"),
    [
        ("owner", "files:read:own", True),
        ("other", "files:read:own", False),
        ("other", "files:read", True),
        ("other", "files:admin", True),
        ("owner", "files:write", False),
    ],
)
def test_who_could_read_a_file_may_ask_for_it(account: str, scope: str, *, may: bool) -> None:
    assert may_read(Actor(account=account, scopes=frozenset({scope})), _file()) is may
