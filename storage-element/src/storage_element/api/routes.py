"""Every route of an element."""

from storage_element.api import (
    changes,
    content,
    direct,
    editing,
    element,
    files,
    maintenance,
    moves,
    uploads,
)

ROUTERS = [
    files.router,
    direct.router,
    uploads.router,
    content.router,
    editing.router,
    moves.router,
    changes.router,
    element.router,
    maintenance.router,
]
