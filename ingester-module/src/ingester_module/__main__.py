"""`python -m ingester_module` serves the ingester."""

from artstore_kit import application, settings
from ingester_module.app import create_app
from ingester_module.config import Settings


def main() -> None:
    configuration = settings.load(Settings)
    application.serve(create_app(configuration), "ingester-module", configuration)


if __name__ == "__main__":
    main()
