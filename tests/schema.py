"""What a migration does to what was there before it, read from PostgreSQL's own catalogue."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from alembic.config import Config
from sqlalchemy import Connection, text

_TABLES = """
SELECT c.relname, c.relfilenode::text FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'alembic_version'
"""
# Whoever does not know of a column writes rows without it: `refuses` is whether that fails.
_COLUMNS = """
SELECT c.relname || '.' || a.attname,
    format_type(a.atttypid, a.atttypmod)
        || coalesce(' COLLATE ' || nullif(o.collname, 'default'), '')
        || CASE WHEN a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
            THEN ' required' ELSE '' END
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_collation o ON o.oid = a.attcollation
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    AND a.attnum > 0 AND NOT a.attisdropped
"""
_CONSTRAINTS = """
SELECT conrelid::regclass || ': ' || conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND contype <> 'n'
"""
_INDEXES = """
SELECT t.relname || ': ' || i.relname, pg_get_indexdef(x.indexrelid)
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
WHERE t.relnamespace = 'public'::regnamespace
"""
_TRIGGERS = """
SELECT tgrelid::regclass || ': ' || tgname, pg_get_triggerdef(oid) FROM pg_trigger
WHERE NOT tgisinternal
"""
# An extension's belong to the extension.
_FUNCTIONS = """
SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid) FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""
KINDS = {
    "table": _TABLES,
    "column": _COLUMNS,
    "constraint": _CONSTRAINTS,
    "index": _INDEXES,
    "trigger": _TRIGGERS,
    "function": _FUNCTIONS,
}


def config_of(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", f"{package}:database/migrations")
    config.set_main_option("path_separator", "os")
    return config


@dataclass(frozen=True)
class Schema:
    """What there is, by kind: each thing's name and its definition."""

    things: Mapping[str, Mapping[str, str]]

    @staticmethod
    def read(connection: Connection) -> "Schema":
        found = {
            kind: {name: definition for name, definition in connection.execute(text(question))}  # noqa: C416 - rows
            for kind, question in KINDS.items()
        }
        connection.rollback()
        return Schema(found)

    @property
    def tables(self) -> set[str]:
        return set(self.things["table"])


@dataclass
class Migration:
    """The schema before and after, and the statements that led from one to the other."""

    before: Schema
    after: Schema
    statements: list[str] = field(default_factory=list)

    def breaks(self) -> list[str]:
        """Name what could fail or stall code that was written for the schema before."""
        return sorted([*self._lost(), *self._added(), *self._rows()])

    def _lost(self) -> Iterator[str]:
        for kind, things in self.before.things.items():
            now = self.after.things[kind]
            for name, definition in things.items():
                if name not in now:
                    yield f"drops {kind} {name}"
                elif now[name] != definition:
                    verb = "rewrites" if kind == "table" else "changes"
                    yield f"{verb} {kind} {name}"

    def _added(self) -> Iterator[str]:
        """Look at what is new on tables that were there."""
        for kind in ("column", "constraint", "index", "trigger"):
            for name in self.after.things[kind].keys() - self.before.things[kind].keys():
                table = re.split(r"\.|: ", name)[0]
                if table in self.before.tables and self._binds(kind, name):
                    yield f"adds {kind} {name}"

    def _binds(self, kind: str, name: str) -> bool:
        definition = self.after.things[kind][name]
        if kind == "column":
            return definition.endswith(" required")
        if kind == "index":
            return "UNIQUE" in definition or not self._built_beside(name.split(": ")[1])
        return True

    def _built_beside(self, index: str) -> bool:
        return any(
            "CONCURRENTLY" in statement and index in statement for statement in self.statements
        )

    def _rows(self) -> Iterator[str]:
        """Look at rows that were there: each that is changed stays locked until the end."""
        written = re.compile(r"\s*(UPDATE|DELETE FROM|INSERT INTO|TRUNCATE)\s+(\w+)", re.IGNORECASE)
        for statement in self.statements:
            match = written.match(statement)
            if match and match[2] in self.before.tables:
                yield f"writes to {match[2]}"
