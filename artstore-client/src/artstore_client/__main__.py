"""`python -m artstore_client` is the `artstore` command."""

from artstore_client.command.app import main

if __name__ == "__main__":
    main()
