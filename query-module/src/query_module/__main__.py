"""`python -m query_module` serves the query-module."""

from artstore_kit import application, settings
from query_module.app import create_app
from query_module.config import Settings


def main() -> None:
    configuration = settings.load(Settings)
    application.serve(create_app(configuration), "query-module", configuration)


if __name__ == "__main__":
    main()
