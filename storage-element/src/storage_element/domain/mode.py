"""What an element's mode allows (DESIGN 3)."""

from enum import StrEnum

from artstore_kit.contracts.elements import Mode


class Operation(StrEnum):
    CREATE = "create"
    READ_ATTRIBUTES = "read attributes"
    READ_CONTENT = "read content"
    EDIT = "edit"
    DELETE = "delete"


_ALLOWED = {
    Mode.EDIT: frozenset(Operation),
    Mode.RW: frozenset(Operation),
    Mode.RO: frozenset({Operation.READ_ATTRIBUTES, Operation.READ_CONTENT}),
    Mode.AR: frozenset({Operation.READ_ATTRIBUTES}),
}


def allows(mode: Mode, operation: Operation) -> bool:
    return operation in _ALLOWED[mode]
