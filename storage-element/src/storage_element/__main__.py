"""`python -m storage_element` serves; `python -m storage_element rebuild` rebuilds the database."""

import argparse
import asyncio
import sys

from artstore_kit import application, logging, settings
from storage_element.app import create_app, rebuild
from storage_element.config import Settings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m storage_element", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["serve", "rebuild"], default="serve")
    arguments = parser.parse_args()
    configuration = settings.load(Settings)
    if arguments.command == "serve":
        application.serve(create_app(configuration), "storage-element", configuration)
        return 0
    logging.configure(
        service="storage-element",
        level=configuration.log_level,
        log_format=configuration.log_format,
    )
    result = asyncio.run(rebuild(configuration))
    sys.stdout.write(f"files: {result.files}, broken: {result.broken}\n")
    return 1 if result.broken else 0


if __name__ == "__main__":
    sys.exit(main())
