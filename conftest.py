from pathlib import Path

import pytest

pytest_plugins = ["artstore_kit.testing.fixtures"]

SYSTEM_TESTS = Path(__file__).parent / "tests"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of the running system together: they share one stack, so one process."""
    for item in items:
        if item.path.is_relative_to(SYSTEM_TESTS):
            item.add_marker(pytest.mark.xdist_group("the running system"))
