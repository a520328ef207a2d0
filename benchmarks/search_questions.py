"""What is asked of the million documents: the same questions every time, few of them twice."""

import random
from urllib.parse import urlencode

from search_corpus import (
    CITIES,
    COMMON_UPLOADER,
    DEPARTMENTS,
    KINDS,
    OBJECTS,
    SUBJECTS,
    TAGS,
    UPLOADERS,
    companies,
)

SEARCH = "/api/v1/search"
SUGGEST = "/api/v1/suggest"
_COUNT = 2000
Pairs = list[tuple[str, str]]


class Questions:
    """Draws questions of each kind, common words and rare ones alike."""

    def __init__(self) -> None:
        self._chance = random.Random(7)  # noqa: S311 - the same every time
        self._companies = companies()

    def fulltext(self) -> list[str]:
        """Return targets: one common word, two or three, a name, a number, a phrase, a year."""
        return self._targets([self._words for _ in range(_COUNT)])

    def filtered(self) -> list[str]:
        return self._targets([self._filters for _ in range(_COUNT)])

    def partial(self) -> list[str]:
        return self._targets([self._part for _ in range(_COUNT)])

    def suggest(self) -> list[str]:
        words = [kind for kind, _, _ in KINDS] + list(SUBJECTS) + list(OBJECTS) + self._companies
        begun = [self._chance.choice(words) for _ in range(_COUNT)]
        return [
            f"{SUGGEST}?{urlencode({'q': word[: self._chance.randint(1, max(1, len(word)))]})}"
            for word in begun
        ]

    def mixed(self) -> list[str]:
        each = (self.fulltext(), self.filtered(), self.partial(), self.suggest())
        together = [target for targets in each for target in targets]
        self._chance.shuffle(together)
        return together

    def _targets(self, draws: list[object]) -> list[str]:
        return [f"{SEARCH}?{urlencode(draw())}" for draw in draws if callable(draw)]

    def _words(self) -> Pairs:
        chance = self._chance
        kind, subject, thing = (
            chance.choice(KINDS)[0],
            chance.choice(SUBJECTS),
            chance.choice(OBJECTS),
        )
        company, number = self._company(), chance.randrange(1_000_000)
        asked = chance.choice((
            kind,
            f"{kind} {subject}",
            f"{kind} {company}",
            f"{thing} {chance.choice(CITIES)}",
            company,
            f"{number:06}",
            f"{chance.randint(2019, 2026)} {kind}",
            f'"{kind} {subject}" {thing}',
            f"{subject} -{thing}",
            f"{thing} or {company}",
        ))  # fmt: skip
        return [("q", asked)]

    def _filters(self) -> Pairs:
        chance = self._chance
        year, month = chance.randint(2019, 2025), chance.randint(1, 11)
        kind, _, ending = chance.choice(KINDS)
        return chance.choice((
            [("extension", ending)],
            [("extension", ending), ("tag", chance.choice(TAGS))],
            [("tag", chance.choice(TAGS)), ("tag", chance.choice(TAGS))],
            [("uploaded_by", chance.choice(UPLOADERS)), ("q", kind)],
            [("uploaded_by", COMMON_UPLOADER), ("retention", "temporary")],
            [("metadata.project", f"P-{chance.randrange(997):03}")],
            [("metadata.department", chance.choice(DEPARTMENTS)), ("q", chance.choice(OBJECTS))],
            [("created_from", f"{year}-{month:02}-01T00:00:00Z"), ("extension", ending),
             ("created_to", f"{year}-{month + 1:02}-01T00:00:00Z")],
            [("size_min", str(2 ** chance.randint(8, 28))), ("extension", ending)],
            [("sort", "-size"), ("extension", ending)],
            [("sort", "filename"), ("tag", chance.choice(TAGS))],
            [("sort", "created_at"), ("q", kind)],
            [("facets", "extension"), ("facets", "tag"), ("q", kind)],
            [("highlight", "true"), ("q", f"{kind} {self._company()}")],
        ))  # fmt: skip

    def _part(self) -> Pairs:
        chance = self._chance
        company, kind = self._company(), chance.choice(KINDS)[0]
        start = chance.randrange(max(1, len(company) - 3))
        asked = chance.choice((
            company[start : start + 4],
            kind[:4],
            f"_{company}_",
            f"{chance.randint(2019, 2026)}-{chance.randrange(1000):03}",
            f"{chance.randrange(1_000_000):06}",
            chance.choice(SUBJECTS)[1:6],
        ))  # fmt: skip
        return [("q", asked), ("mode", "partial")]

    def _company(self) -> str:
        return self._companies[int(len(self._companies) * self._chance.random() ** 3)]
