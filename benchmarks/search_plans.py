"""Every statement that search runs, explained: none may read a whole table."""

from typing import Any

from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncEngine
from typing_extensions import override

import search_data
from artstore_kit import database
from artstore_kit.settings import DatabaseSettings
from artstore_kit.testing.postgres import Postgres
from query_module.api.questions import AskedInBody
from query_module.database.search import Row, SearchIndex
from query_module.database.words import WordIndex
from query_module.usecases.search_files import search_files
from query_module.usecases.suggest_words import suggest_words

_ASKED: dict[str, dict[str, Any]] = {
    "a common word": {"q": "договор"},
    "two words": {"q": "акт сверки"},
    "a rare word": {"q": "000123"},
    "words of a time": {"q": "2019 invoice"},
    "a word or another": {"q": "насос or pump"},
    "a phrase, and not": {"q": '"contract delivery" -oslo'},
    "only what must not be there": {"q": "-oslo"},
    "everything": {},
    "an extension": {"extension": "pdf"},
    "tags": {"tags": ["срочно", "юристы"]},
    "metadata": {"metadata": {"project": "P-007"}},
    "an uploader's words": {"uploaded_by": "service-000", "q": "смета"},
    "a month": {"created_from": "2021-03-01T00:00:00Z", "created_to": "2021-04-01T00:00:00Z"},
    "sizes": {"size_min": 2**28, "size_max": 2**29},
    "largest first": {"sort": "-size", "extension": "pdf"},
    "by name": {"sort": "filename", "tags": ["юристы"]},
    "oldest first": {"sort": "created_at", "q": "invoice"},
    "facets": {"q": "договор", "facets": ["extension", "tag"]},
    "highlights": {"q": "договор", "highlight": True},
    "a whole name": {"q": "Смета_сверки.xlsx", "mode": "exact"},
    "part of a name": {"q": "сверк", "mode": "partial"},
    "two letters": {"q": "ог", "mode": "partial"},
    "no name has it": {"q": "zzzz", "mode": "partial"},
}
_SUGGESTED = ("д", "до", "дог", "service te")
_TABLES = ("files", "words")


class _Watched(SearchIndex):
    """Explains each statement before it runs it."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, at_once=1)
        self.plans: list[dict[str, Any]] = []

    @override
    async def fetch(self, statement: str, *arguments: Any) -> list[Row]:
        if "files" in statement or "words" in statement:
            [(plan,)] = await super().fetch(
                f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {statement}", *arguments
            )
            self.plans.append(plan[0]["Plan"])
        return await super().fetch(statement, *arguments)


async def check_plans(postgres: Postgres, console: Console) -> list[str]:
    """Print by which indexes each question is answered; returns those that read a whole table."""
    engine = database.connect(DatabaseSettings.model_validate(search_data.settings(postgres)))
    index = _Watched(engine)
    words = WordIndex(index)
    wrong = []
    try:
        for name, asked in _ASKED.items():
            await _search(AskedInBody.model_validate(asked), words)
            wrong += _report(name, index, console)
        for text in _SUGGESTED:
            await suggest_words(text, visible=None, limit=10, words=words)
            wrong += _report(f"suggest {text!r}", index, console)
    finally:
        await engine.dispose()
    return wrong


async def _search(asked: AskedInBody, words: WordIndex) -> None:
    await search_files(
        asked.query(None),
        continued=None,
        limit=asked.limit,
        facets=asked.facets,
        highlight=asked.highlight,
        words=words,
    )


def _report(name: str, index: _Watched, console: Console) -> list[str]:
    nodes = [node for plan in index.plans for node in _nodes(plan)]
    index.plans.clear()
    whole = [n for n in nodes if n["Node Type"] == "Seq Scan" and n["Relation Name"] in _TABLES]
    used = sorted({node["Index Name"] for node in nodes if "Index Name" in node})
    verdict = "READS A WHOLE TABLE" if whole else "ok"
    console.print(f"{verdict:4} {name}: {', '.join(used)}")
    return [name] if whole else []


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for below in plan.get("Plans", []) for node in _nodes(below))]
