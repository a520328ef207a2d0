"""`python -m admin_module` serves Admin."""

from admin_module.app import create_app
from admin_module.config import Settings
from artstore_kit import application, settings


def main() -> None:
    configuration = settings.load(Settings)
    application.serve(create_app(configuration), "admin-module", configuration)


if __name__ == "__main__":
    main()
