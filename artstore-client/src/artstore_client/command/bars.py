"""Progress bars: one for each file that is under way, and one for all."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from artstore_client.command.output import Output, printable
from artstore_client.progress import OnProgress

_NAME_WIDTH = 32


@dataclass
class Bars:
    """What is shown while files go up or come down; on a terminal, and for people only."""

    progress: Progress
    everything: TaskID

    @contextmanager
    def file(self, name: str, size: int) -> Iterator[OnProgress]:
        """Show one file while the block lasts."""
        task = self.progress.add_task(_short(name), total=size)
        over = 0

        def on_progress(done: int, _total: int) -> None:
            nonlocal over
            self.progress.update(task, completed=done)
            self.progress.advance(self.everything, done - over)
            over = done

        try:
            yield on_progress
        finally:
            self.progress.remove_task(task)

    def skip(self, size: int) -> None:
        """Count what need not be sent."""
        self.progress.advance(self.everything, size)


@contextmanager
def shown(out: Output, total: int, *, is_one: bool) -> Iterator[Bars]:
    """Show bars for `total` bytes while the block lasts."""
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=out.errors,
        transient=True,
        disable=not (out.for_people and out.errors.is_terminal),
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with progress:
        everything = progress.add_task("all", total=total, visible=not is_one)
        yield Bars(progress, everything)


def _short(name: str) -> str:
    name = printable(name)
    if len(name) <= _NAME_WIDTH:
        return name
    half = _NAME_WIDTH // 2
    return f"{name[: half - 1]}…{name[-half:]}"
