import pytest

from artstore_kit.metrics import size_class


@pytest.mark.parametrize(
    ("size", "name"),
    [
        (0, "64KiB"),
        (64 * 1024, "64KiB"),
        (64 * 1024 + 1, "1MiB"),
        (16 * 1024**2, "16MiB"),
        (2**30, "1GiB"),
        (2**30 + 1, "larger"),
    ],
)
def test_a_size_is_in_the_least_class_that_it_fits_into(size: int, name: str) -> None:
    assert size_class(size) == name
