"""`python -m storage_element` serves; with the name of a task it runs that, and nothing else."""

import argparse
import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from artstore_kit import application, failpoints, logging, settings
from artstore_kit.errors import ServiceError
from artstore_kit.health import UnreadyError
from storage_element.app import blob_store, create_app, maintain
from storage_element.blobs.local_disk import LocalDisk
from storage_element.config import Settings
from storage_element.domain.maintenance import Run, State, Task
from storage_element.usecases.copy_store import Copied, copy_store

_TASKS = {
    Task.REBUILD: "make the database say what the store holds; needed after restoring either",
    Task.VERIFY: "list where attributes, sizes and database disagree",
    Task.SCRUB: "read every byte again, and quarantine files that have changed",
    Task.GC: "delete expired temporary files, and bytes that belong to no file",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m storage_element", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve requests (the default)")
    for task, what in _TASKS.items():
        command = commands.add_parser(task, help=what, description=f"{what}. Can be interrupted.")
        if task is Task.GC:
            command.add_argument("--dry-run", action="store_true", help="list, delete nothing")
    _add_copying(commands)
    return parser


def _add_copying(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "copy every file into a folder, those it does not have yet; the element may be running"
    backup = commands.add_parser("backup", help=what, description=f"{what}. Can be interrupted.")
    backup.add_argument("folder", type=Path, help="a folder of its own; made if it is not there")
    backup.add_argument("--prune", action="store_true", help="remove what the element has not")
    what = "copy every file of a backup into this element's store, while the element is stopped"
    restore = commands.add_parser("restore", help=what, description=f"{what}. Can be interrupted.")
    restore.add_argument("folder", type=Path, help="what `backup` has written")


def main() -> int:
    arguments = _parser().parse_args()
    configuration = settings.load(Settings)
    if arguments.command in {None, "serve"}:
        application.serve(create_app(configuration), "storage-element", configuration)
        return 0
    logging.configure(
        service="storage-element",
        level=configuration.log_level,
        log_format=configuration.log_format,
        stream=sys.stderr,
    )
    failpoints.arm(configuration.failpoint)
    if arguments.command in {"backup", "restore"}:
        return _copied(_copy(configuration, arguments))
    return _maintain(configuration, Task(arguments.command), getattr(arguments, "dry_run", False))


def _maintain(configuration: Settings, task: Task, dry_run: bool) -> int:  # noqa: FBT001 - from argparse
    try:
        run = asyncio.run(maintain(configuration, task, dry_run=dry_run, show=_show))
    except (ServiceError, UnreadyError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"\ninterrupted; {task} goes on from here when it is started again\n")
        return 130
    _show(run)
    sys.stderr.write("\n")
    for finding in run.findings:
        sys.stdout.write(f"{finding['problem']}\t{finding['place']}\n")
    if run.state is State.FAILED:
        sys.stderr.write(f"{task} failed: {run.error}\n")
        return 2
    return 1 if run.findings and task is not Task.GC else 0


async def _copy(configuration: Settings, arguments: argparse.Namespace) -> Copied:
    store, folder = blob_store(configuration), LocalDisk(arguments.folder)
    source, target = (store, folder) if arguments.command == "backup" else (folder, store)
    copied = Copied()
    await source.open_for_reading()
    try:
        await target.open()
        try:
            prune = getattr(arguments, "prune", False)
            async for copied in copy_store(source, target, prune=prune):
                _show_copied(copied)
        finally:
            await target.close()
    finally:
        await source.close()
    return copied


def _copied(copying: Coroutine[Any, Any, Copied]) -> int:
    try:
        copied = asyncio.run(copying)
    except (UnreadyError, OSError) as error:
        sys.stderr.write(f"\n{error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; it goes on from here when it is started again\n")
        return 130
    _show_copied(copied)
    sys.stderr.write("\n")
    for place in copied.damaged:
        sys.stdout.write(f"not_copied\t{place}\n")
    return 1 if copied.damaged else 0


def _show_copied(copied: Copied) -> None:
    removed = f", {copied.removed} removed" if copied.removed else ""
    damaged = f", {len(copied.damaged)} DAMAGED" if copied.damaged else ""
    sys.stderr.write(
        f"\r\x1b[K{copied.files} files copied ({copied.size / 1e6:.1f} MB), "
        f"{copied.unchanged} unchanged{removed}{damaged}"
    )
    sys.stderr.flush()


def _show(run: Run) -> None:
    """Draw one line of progress over the one before."""
    total = "" if run.total is None else f"/{run.total}"
    rate = "" if run.rate is None else f", {run.rate:.0f} files/s"
    left = "" if run.seconds_left is None else f", {run.seconds_left:.0f} s left"
    counts = "".join(f", {name}: {count}" for name, count in run.counts.items() if count)
    sys.stderr.write(f"\r\x1b[K{run.task}: {run.done}{total} files{rate}{left}{counts}")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
