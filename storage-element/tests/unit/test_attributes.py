"""Rules about attributes that need no element: their size, and when a file's time is over."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore_kit.contracts.files import MAX_ATTRIBUTES_BYTES, FileAttributes
from storage_element.domain.rules import is_expired
from storage_element.usecases.attribute_limit import check_attributes_fit
from storage_element.usecases.errors import AttributesTooLargeError

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def attributes(**fields: object) -> FileAttributes:
    return FileAttributes.model_validate(
        {
            "filename": "a.txt",
            "uploaded_by": "maria",
            "file_id": UUID(int=7),
            "size": 1,
            "sha256": "0" * 64,
            "created_at": NOW,
            **fields,
        }
    )


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=4096))
def test_what_fits_once_fits_through_every_later_revision_and_move(description: str) -> None:
    document = attributes(description=description)
    try:
        check_attributes_fit(document)
    except AttributesTooLargeError:
        return
    later = document.model_copy(
        update={"revision": 2**31 - 1, "moving_to": "s" * 63, "size": 2**63 - 1}
    )
    assert len(later.document()) <= MAX_ATTRIBUTES_BYTES


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"description": "я" * 2000}, "description"),
        ({"metadata": {str(number): "x" * 100 for number in range(40)}}, "metadata"),
        ({"tags": ["x" * 100 + str(number) for number in range(40)]}, "tags"),
        ({"filename": "я" * 1024, "description": "я" * 1000}, "filename"),
    ],
)
def test_what_does_not_fit_names_the_field_to_shorten(fields: dict[str, object], name: str) -> None:
    with pytest.raises(AttributesTooLargeError) as refusal:
        check_attributes_fit(attributes(**fields))

    assert refusal.value.extensions["errors"] == [{"field": name, "message": "too large"}]


def until(moment: datetime) -> dict[str, object]:
    return {"retention": {"policy": "temporary", "expires_at": moment}}


@pytest.mark.parametrize(
    ("fields", "over"),
    [
        (until(NOW), True),
        (until(NOW - timedelta(days=1)), True),
        (until(NOW + timedelta(seconds=1)), False),
        ({}, False),
        ({**until(NOW), "legal_hold": True}, False),
        ({**until(NOW), "moving_to": "se-02"}, False),
    ],
)
def test_a_files_time_is_over_only_when_nothing_holds_it(
    fields: dict[str, object], *, over: bool
) -> None:
    assert is_expired(attributes(**fields), NOW) is over
