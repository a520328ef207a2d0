import gc

from hypothesis import settings

from artstore_kit.testing import forking

pytest_plugins = ["artstore_kit.testing.fixtures"]

# How long an example takes says something of the machine, not of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

forking.preload(
    "admin_module.__main__",
    "aiobotocore.session",
    "artstore_client.__main__",
    "ingester_module.__main__",
    "query_module.__main__",
    "storage_element.__main__",
)


def pytest_collection_finish() -> None:
    """Let the collector pass over what was imported: it stays as long as the tests do."""
    gc.freeze()
