"""tsqueries that must all match.

One condition with many words makes the index go through every file of its rarest word. Of several
conditions each skips to where the others go on, which is a hundred times shorter where two words
never met.
"""

from collections.abc import Callable, Sequence

# Each number of conditions is a statement of its own, which every connection prepares.
_MOST = 5


def all_of(queries: Sequence[str]) -> str:
    """Return one tsquery that matches where all of them do."""
    return " & ".join(f"({query})" for query in queries)


def in_order(queries: Sequence[str], share: Callable[[str], float]) -> list[str]:
    """Return few tsqueries that say the same, the rarest first."""
    ordered = sorted(queries, key=share)
    if len(ordered) > _MOST:
        ordered[_MOST - 1 :] = [all_of(ordered[_MOST - 1 :])]
    return ordered
