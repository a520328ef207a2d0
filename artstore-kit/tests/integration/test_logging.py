import json
import subprocess
import sys
from typing import Any

PROGRAM = """
import logging, sys
from artstore_kit import logging as logs, tracing
from artstore_kit.settings import DatabaseSettings
logs.configure(service="tiny", level="INFO", log_format=sys.argv[1])
settings = DatabaseSettings(db_username="u", db_password="correct horse", db_database="d")
logger = logs.get_logger("tiny.module")
logger.info("settings_read", settings=settings)
logger.debug("invisible")
logging.getLogger("library").warning("a library's %s", "words")
logging.getLogger("alembic").info("invisible")
tracing.begin("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
try:
    password = settings.db_password.get_secret_value()
    1 / 0
except ZeroDivisionError:
    logger.exception("broken", имя="Договор\\nаренды")
"""


def _output(log_format: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, log_format], capture_output=True, text=True, check=True
    )
    assert ended.stderr == ""
    return ended.stdout


def test_each_record_is_one_line_of_json() -> None:
    records: list[dict[str, Any]] = [json.loads(line) for line in _output("json").splitlines()]

    assert [record["event"] for record in records] == [
        "settings_read",
        "a library's words",
        "broken",
    ]
    for record in records:
        assert record["service"] == "tiny"
        assert record["timestamp"].endswith("Z")
    assert [record["level"] for record in records] == ["info", "warning", "error"]
    assert [record["logger"] for record in records] == ["tiny.module", "library", "tiny.module"]
    assert records[2]["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert "trace_id" not in records[0]
    assert "ZeroDivisionError" in records[2]["exception"]
    assert records[2]["имя"] == "Договор\nаренды"


def test_text_is_for_people() -> None:
    output = _output("text")

    assert "settings_read" in output
    assert "ZeroDivisionError" in output
    assert "invisible" not in output


def test_no_secret_is_logged() -> None:
    for log_format in ("json", "text"):
        assert "correct horse" not in _output(log_format)
