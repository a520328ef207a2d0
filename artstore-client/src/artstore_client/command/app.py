"""The `artstore` command."""

import typer

from artstore_client.command import accounts, elements, files, getting, me, moves, putting, records

app = typer.Typer(
    name="artstore",
    help="Store documents, find them again, and look after the place where they are kept.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (me, putting, getting, files):
    module.add_to(app)
for module in (elements, moves, accounts, records):
    module.add_to(app)


def main() -> None:
    """Run the command."""
    app()
