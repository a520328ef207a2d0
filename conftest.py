pytest_plugins = ["artstore_kit.testing.fixtures"]
