from datetime import UTC, datetime, timedelta, timezone
from pathlib import PurePosixPath
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_element.domain.filenames import ATTRIBUTES_SUFFIX, place_of

FILE_ID = UUID("018f0000-0000-7000-8000-000000000001")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def place(filename: str, uploader: str = "maria", at: datetime = MOMENT) -> str:
    return place_of(filename=filename, uploader=uploader, created_at=at, file_id=FILE_ID)


@pytest.mark.parametrize(
    ("filename", "stem", "extension"),
    [
        ("report.pdf", "report", ".pdf"),
        ("Договор аренды №17.pdf", "Договор_аренды_17", ".pdf"),
        ("архив.tar.gz", "архив.tar", ".gz"),
        ("no extension", "no_extension", ""),
        ("name.", "name", ""),
        (".bashrc", "file", ".bashrc"),
        ("...", "file", ""),
        ("../../etc/passwd", "etc_passwd", ""),
        ("a\\b:c*d?e.txt", "a_b_c_d_e", ".txt"),
        ("x.расширение", "x.расширение", ""),
        ("rm -rf $(HOME);.sh", "rm_-rf_HOME", ".sh"),
        ("e\u0301.txt", "é", ".txt"),
    ],
)
def test_a_place_is_readable_and_harmless(filename: str, stem: str, extension: str) -> None:
    expected = f"2026/01/02/03/{stem}_maria_20260102T030405_{FILE_ID}{extension}"

    assert place(filename) == expected


def test_the_folder_is_that_of_the_hour_in_utc() -> None:
    moscow = MOMENT.astimezone(timezone(timedelta(hours=3)))

    assert place("a.txt", at=moscow) == place("a.txt")


@given(st.text(max_size=1100), st.text(max_size=150))
def test_whatever_the_names_the_place_stays_in_its_folder(filename: str, uploader: str) -> None:
    # Half a surrogate pair never gets here: it is no Unicode, and refused with the request.
    filename = filename.encode(errors="ignore").decode()
    uploader = uploader.encode(errors="ignore").decode()

    path = PurePosixPath(place(filename, uploader))

    assert path.parts[:4] == ("2026", "01", "02", "03")
    assert len(path.parts) == 5
    assert str(FILE_ID) in path.name
    assert not path.name.startswith(".")
    assert len(f"{path.name}{ATTRIBUTES_SUFFIX}".encode()) <= 255
    assert path.name.isprintable()
    assert not set(path.name) & set("/\\\0\n\"'$`;|&<>*?: ")
