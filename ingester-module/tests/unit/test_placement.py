from dataclasses import dataclass

import pytest

from artstore_kit.contracts.elements import Mode
from artstore_kit.contracts.files import RetentionPolicy
from ingester_module.domain.placement import eligible

TEMPORARY, PERMANENT = RetentionPolicy.TEMPORARY, RetentionPolicy.PERMANENT


@dataclass(frozen=True)
class Element:
    element_id: str
    mode: Mode
    priority: int = 100
    draining: bool = False


EDIT, RW, RO, AR = (Element(f"se-{mode}", mode) for mode in (Mode.EDIT, Mode.RW, Mode.RO, Mode.AR))


@pytest.mark.parametrize(
    ("known", "policy", "chosen"),
    [
        ([EDIT, RW, RO, AR], TEMPORARY, [EDIT]),
        ([EDIT, RW, RO, AR], PERMANENT, [RW]),
        ([EDIT, RO, AR], PERMANENT, [EDIT]),
        ([RW, RO, AR], TEMPORARY, []),
        ([RO, AR], PERMANENT, []),
        ([], PERMANENT, []),
    ],
)
def test_the_mode_decides_who_takes_a_file(
    known: list[Element], policy: RetentionPolicy, chosen: list[Element]
) -> None:
    assert eligible(known, policy) == chosen


def test_nothing_is_placed_on_an_element_that_is_being_emptied() -> None:
    leaving = Element("a", Mode.RW, draining=True)
    assert eligible([leaving, RW, EDIT], PERMANENT) == [RW]
    assert eligible([leaving, EDIT], PERMANENT) == [EDIT]


def test_elements_are_filled_by_priority_and_then_by_name() -> None:
    second = Element("b", Mode.RW, priority=1)
    third = Element("c", Mode.RW, priority=1)
    first = Element("z", Mode.RW, priority=0)

    assert eligible([third, first, second], PERMANENT) == [first, second, third]
