"""Notices elements that have gone silent."""

from admin_module.usecases.watch_elements import ElementWatcher
from artstore_kit import schedule

_SECONDS = 5


async def watch_elements(watcher: ElementWatcher) -> None:
    await schedule.every(_SECONDS, watcher.watch, name="watch_elements")
