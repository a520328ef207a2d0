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
