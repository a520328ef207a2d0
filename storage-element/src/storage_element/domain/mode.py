"""What an element's mode allows (DESIGN 3)."""

from enum import StrEnum

from artstore_kit.contracts.elements import Mode


class Operation(StrEnum):
    CREATE = "create"
    READ_ATTRIBUTES = "read attributes"
    READ_CONTENT = "read content"
    EDIT = "edit"
    DELETE = "delete"
    MOVE_AWAY = "move away"


_ALLOWED = {
    Mode.EDIT: frozenset(Operation),
    Mode.RW: frozenset(Operation),
    # A closed element must still be drainable: a moved file is whole elsewhere before it goes here.
    Mode.RO: frozenset(
        {Operation.READ_ATTRIBUTES, Operation.READ_CONTENT, Operation.MOVE_AWAY},
    ),
    Mode.AR: frozenset({Operation.READ_ATTRIBUTES}),
}


def allows(mode: Mode, operation: Operation) -> bool:
    return operation in _ALLOWED[mode]


class Change(StrEnum):
    """What it takes to go from one mode to another."""

    NOTHING = "nothing"
    REQUEST = "a request"
    CONFIRMATION = "a request with confirm: true"
    CONFIGURATION = "configuration and a restart"
    IMPOSSIBLE = "impossible"


_CHANGES = {
    (Mode.RW, Mode.RO): Change.REQUEST,
    (Mode.RO, Mode.RW): Change.CONFIRMATION,
    (Mode.RO, Mode.AR): Change.CONFIGURATION,
    (Mode.AR, Mode.RO): Change.CONFIGURATION,
}


def change(before: Mode, after: Mode) -> Change:
    """Say what it takes to go from `before` to `after`."""
    return Change.NOTHING if before is after else _CHANGES.get((before, after), Change.IMPOSSIBLE)
