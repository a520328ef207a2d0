"""A question's terms, put together as the index is asked for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from query_module.domain.conjunction import all_of
from query_module.domain.search import Term


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the index makes of a term: tsqueries, empty where nothing of it can be looked for.

    `plain` has its words as they are, `stemmed` their stems, without stop words; more than one are
    a phrase. `forms` are plain and stemmed forms of one word after the other.
    """

    plain: str
    stemmed: str
    forms: tuple[tuple[str, str], ...]

    @property
    def either(self) -> str:
        """The term in either form."""
        return _either(self.plain, self.stemmed)

    @property
    def each(self) -> tuple[str, ...]:
        """The words in either form, without stop words."""
        return tuple(_either(plain, stemmed) for plain, stemmed in self.forms if stemmed)


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of a question, as tsqueries.

    `words` is all of it, and ranks. It matches what all of the `lookups` find, which is sooner
    found, and of that what is `compared`, which only files can tell: phrases, and what must not be
    there.

    `groups` say how many files that should be: of each alternative the words that have to be there,
    in groups that are always there together.
    """

    words: str = ""
    lookups: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()
    excludes: bool = False
    groups: tuple[tuple[tuple[str, ...], ...], ...] = ()


def wording(alternatives: Sequence[Sequence[Term]], known: Mapping[str, Meaning]) -> Wording:
    """Put terms together: of the alternatives one must match, with all its terms.

    A term counts in either form, an unwanted one in neither. Stop words count only where an
    alternative has nothing else.
    """
    words = " | ".join(filter(None, (_all_terms(terms, known) for terms in alternatives)))
    groups = tuple(tuple(_groups(terms, known)) for terms in alternatives)
    excludes = any(
        term.unwanted and known[term.text].plain for terms in alternatives for term in terms
    )
    looked_up: tuple[str, ...] = (words,) if words else ()
    compared: tuple[str, ...] = ()
    if len(alternatives) == 1 and (groups[0] or excludes):
        looked_up = tuple(dict.fromkeys(word for group in groups[0] for word in group))
        wanted = [known[term.text] for term in alternatives[0] if not term.unwanted]
        # What is more than a word is not told by its words.
        is_more = any(meaning.each not in {(), (meaning.either,)} for meaning in wanted)
        compared = (words,) if excludes or is_more else ()
    return Wording(words, looked_up, compared, excludes, groups)


def _all_terms(terms: Sequence[Term], known: Mapping[str, Meaning]) -> str:
    must, stop_words = [], []
    for term in terms:
        meaning = known[term.text]
        if term.unwanted and meaning.plain:
            must.append(f"!({meaning.either})")
        elif meaning.stemmed:
            must.append(meaning.either)
        elif meaning.plain:
            stop_words.append(meaning.plain)
    return all_of(must or stop_words)


def _groups(terms: Sequence[Term], known: Mapping[str, Meaning]) -> list[tuple[str, ...]]:
    groups: list[tuple[str, ...]] = []
    for term in terms:
        words = () if term.unwanted else known[term.text].each
        is_written_as_one = " " not in term.text
        groups += [words] if words and is_written_as_one else [(word,) for word in words]
    return groups


def _either(plain: str, stemmed: str) -> str:
    """One that is the same in both forms counts once: each part of a question costs in ranking."""
    return " | ".join(dict.fromkeys(filter(None, (stemmed, plain))))
