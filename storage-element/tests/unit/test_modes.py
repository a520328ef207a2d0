import pytest

from artstore_kit.contracts.elements import Mode
from storage_element.domain.mode import Change, Operation, allows, change

WRITES = {Operation.CREATE, Operation.EDIT, Operation.DELETE}


@pytest.mark.parametrize(
    ("mode", "forbidden"),
    [
        (Mode.EDIT, set()),
        (Mode.RW, set()),
        (Mode.RO, WRITES),
        (Mode.AR, WRITES | {Operation.READ_CONTENT, Operation.MOVE_AWAY}),
    ],
)
def test_a_mode_forbids_what_the_contract_says(mode: Mode, forbidden: set[Operation]) -> None:
    assert {operation for operation in Operation if not allows(mode, operation)} == forbidden


def test_only_four_ways_lead_from_mode_to_mode() -> None:
    ways = {(before, after): change(before, after) for before in Mode for after in Mode}

    assert {way: how for way, how in ways.items() if how is not Change.IMPOSSIBLE} == {
        **{(mode, mode): Change.NOTHING for mode in Mode},
        (Mode.RW, Mode.RO): Change.REQUEST,
        (Mode.RO, Mode.RW): Change.CONFIRMATION,
        (Mode.RO, Mode.AR): Change.CONFIGURATION,
        (Mode.AR, Mode.RO): Change.CONFIGURATION,
    }
