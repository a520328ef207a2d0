import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from artstore_kit.contracts.files import (
    FileAttributes,
    NewFile,
    Retention,
    RetentionPolicy,
)
from artstore_kit.contracts.scopes import ROLE_SCOPES, Role, Scope

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=50)
values = (
    printable
    | st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
)


def _attributes(**changes: object) -> FileAttributes:
    document = {
        "filename": "Договор аренды №17.pdf",
        "uploaded_by": "sa-1",
        "file_id": uuid.UUID(int=7),
        "size": 3,
        "sha256": "0" * 64,
        "created_at": NOW,
        **changes,
    }
    return FileAttributes.model_validate(document)


@given(st.dictionaries(printable, values, max_size=8), st.lists(printable, max_size=4))
def test_attributes_survive_their_document(metadata: dict[str, object], tags: list[str]) -> None:
    tags = [tag for tag in tags if tag.strip()]
    attributes = _attributes(metadata=metadata, tags=tags)

    again = FileAttributes.model_validate_json(attributes.document())

    assert again == attributes
    assert again.document() == attributes.document()


@given(printable.filter(str.strip), st.dictionaries(printable, values, max_size=4))
def test_a_new_file_survives_its_header(filename: str, metadata: dict[str, object]) -> None:
    new = NewFile.model_validate(
        {"filename": filename, "uploaded_by": "sa-1", "metadata": metadata}
    )

    assert new.to_header().isascii()
    assert NewFile.from_header(new.to_header()) == new


@pytest.mark.parametrize("header", ["", "не base64", "e30=", "bm90IGpzb24=", "/////w=="])
def test_a_malformed_header_is_a_value_error(header: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's and base64's are both meant
        NewFile.from_header(header)


@pytest.mark.parametrize(
    "changes",
    [
        {"filename": ""},
        {"filename": "   "},
        {"filename": "a\x00b"},
        {"filename": "a\nb"},
        {"filename": "a\ud800"},
        {"tags": ["\ud800"]},
        {"metadata": {"key": "\ud800"}},
        {"metadata": {"\ud800": 1}},
        {"description": "\ud800"},
        {"filename": "x" * 1025},
        {"content_type": "text"},
        {"content_type": "text/plain\r\nx: y"},
        {"tags": ["x"] * 65},
        {"tags": [""]},
        {"metadata": {"key": float("nan")}},
        {"metadata": {"key": float("inf")}},
        {"metadata": {"key": {"nested": 1}}},
        {"metadata": {"": 1}},
        {"description": "a\x00b"},
        {"sha256": "ABC"},
        {"size": -1},
        {"revision": 0},
        {"schema_version": 0},
        {"created_at": "2026-01-02T03:04:05"},
    ],
)
def test_what_no_store_should_hold_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        _attributes(**changes)


@pytest.mark.parametrize("surprise", [{"surprise": 1}, {"retention": {"surprise": 1}}])
def test_a_new_file_says_nothing_unknown(surprise: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NewFile.model_validate({"filename": "a", "uploaded_by": "sa-1", **surprise})


def test_what_a_newer_version_added_is_kept_through_an_older_one() -> None:
    newer = _attributes(schema_version=2, surprise={"a": [1]}, retention={"surprise": 1})

    again = FileAttributes.model_validate_json(newer.model_copy(update={"revision": 2}).document())

    assert again.revision == 2
    assert again.schema_version == 2
    assert again.model_extra == {"surprise": {"a": [1]}}
    assert again.retention.model_extra == {"surprise": 1}


def test_only_a_temporary_file_expires() -> None:
    soon = NOW + timedelta(days=1)
    assert Retention(policy=RetentionPolicy.TEMPORARY, expires_at=soon).expires_at == soon

    with pytest.raises(ValidationError):
        Retention(policy=RetentionPolicy.TEMPORARY)
    with pytest.raises(ValidationError):
        Retention(policy=RetentionPolicy.PERMANENT, expires_at=soon)


def test_an_expiry_is_a_moment_of_utc() -> None:
    policy = RetentionPolicy.TEMPORARY
    moscow = datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=3)))

    kept = Retention(policy=policy, expires_at=moscow).expires_at
    assert kept is not None
    assert kept.isoformat() == "2026-01-02T00:00:00+00:00"
    for beyond in ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"):
        with pytest.raises(ValidationError, match="beyond the end of time"):
            Retention.model_validate({"policy": policy, "expires_at": beyond})


def test_the_largest_field_is_the_one_to_shorten() -> None:
    assert _attributes(description="x" * 500).largest_field() == "description"
    assert _attributes(metadata={"note": "x" * 500}).largest_field() == "metadata"


def test_only_an_administrator_holds_administrative_scopes() -> None:
    administrative = {Scope.ACCOUNTS_ADMIN, Scope.KEYS_ADMIN, Scope.FILES_ADMIN}

    assert all(ROLE_SCOPES[role].isdisjoint(administrative) for role in Role if role != Role.ADMIN)
    assert set(ROLE_SCOPES) == set(Role)
