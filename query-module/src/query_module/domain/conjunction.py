"""A tsquery, as PostgreSQL prints it, in the parts that must all match.

One condition with many words makes the index go through every file of its rarest word. Of several
conditions each skips to where the others go on, which is a hundred times shorter where two words
never met.
"""

import re
from collections.abc import Callable, Sequence

_TOKEN = re.compile(r"'(?:[^'\\]|''|\\.)*'|<(?:-|\d+)>|[^'\s]", re.DOTALL)
# Each number of conditions is a statement of its own, which every connection prepares.
_MOST = 5


def tokens(query: str) -> list[str]:
    """Return the lexemes, in their quotes, the operators and parentheses of a tsquery."""
    return _TOKEN.findall(query)


def all_of(queries: Sequence[str]) -> str:
    """Return one tsquery that matches where all of them do."""
    return " & ".join(f"({query})" for query in queries)


def conjuncts(query: str) -> list[str]:
    """Return the parts of a tsquery that must all match."""
    parts: list[list[str]] = [[]]
    depth = 0
    for read in tokens(query):
        depth += {"(": 1, ")": -1}.get(read, 0)
        if depth == 0 and read == "|":
            return [query]
        if depth == 0 and read == "&":
            parts.append([])
        else:
            parts[-1].append(read)
    return [" ".join(part) for part in parts if part]


def excludes(query: str) -> bool:
    """Say whether a tsquery also names what must not be there."""
    return "!" in tokens(query)


def is_phrase(query: str) -> bool:
    """Say whether a tsquery asks for the places of words: the index cannot tell, only files can."""
    return any(token.startswith("<") for token in tokens(query))


def in_order(queries: Sequence[str], share: Callable[[str], float]) -> list[str]:
    """Return few tsqueries that say the same, the rarest first and what costs most last.

    What must not be there cannot be looked up: it goes along with something that can.
    """
    wanted = [query for query in queries if not excludes(query)]
    ordered = sorted(wanted, key=lambda query: (is_phrase(query), share(query)))
    if len(ordered) > _MOST:
        ordered[_MOST - 1 :] = [all_of(ordered[_MOST - 1 :])]
    if unwanted := [query for query in queries if excludes(query)]:
        ordered[-1:] = [all_of([*ordered[-1:], *unwanted])]
    return ordered
