import gc
from pathlib import Path

import pytest
from hypothesis import settings

from artstore_kit.testing import forking

pytest_plugins = ["artstore_kit.testing.fixtures"]

# How long an example takes says something of the machine, not of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

forking.preload(
    "admin_module.__main__",
    "aiobotocore.session",
    "ingester_module.__main__",
    "query_module.__main__",
    "storage_element.__main__",
)

SYSTEM_TESTS = Path(__file__).parent / "tests"


def pytest_collection_finish() -> None:
    """Let the collector pass over what was imported: it stays as long as the tests do."""
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests of the running system together: they share a stack, one a process.

    First, since pytest-xdist looks for the groups where its own turn in this hook comes.
    """
    for item in items:
        if item.path.is_relative_to(SYSTEM_TESTS):
            item.add_marker(pytest.mark.xdist_group(item.path.name))
