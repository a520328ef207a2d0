"""A million documents as a company keeps them, in Russian and English: the same ones every time."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

KINDS = (
    ("Договор", "договор", "pdf"),
    ("Акт", "акт", "pdf"),
    ("Счёт", "счёт", "pdf"),
    ("Счёт-фактура", "счёт", "xml"),
    ("Накладная", "накладная", "pdf"),
    ("Протокол", "протокол", "docx"),
    ("Приказ", "приказ", "docx"),
    ("Отчёт", "отчёт", "xlsx"),
    ("Смета", "смета", "xlsx"),
    ("Чертёж", "чертёж", "dwg"),
    ("Письмо", "переписка", "eml"),
    ("Invoice", "invoice", "pdf"),
    ("Contract", "contract", "pdf"),
    ("Report", "report", "xlsx"),
    ("Photo", "photo", "jpg"),
    ("Backup", "backup", "zip"),
)
TYPES = {
    "pdf": "application/pdf",
    "xml": "application/xml",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "dwg": "image/vnd.dwg",
    "eml": "message/rfc822",
    "jpg": "image/jpeg",
    "zip": "application/zip",
}
SUBJECTS = (
    "аренды", "поставки", "подряда", "оказания услуг", "страхования", "перевозки", "хранения",
    "купли-продажи", "сверки", "приёмки", "выполненных работ", "списания", "инвентаризации",
    "на оплату", "о командировке", "об отпуске", "совещания", "испытаний", "обследования",
    "по проекту", "technical", "quarterly", "maintenance", "delivery", "insurance", "audit",
)  # fmt: skip
OBJECTS = (
    "склад", "офис", "цех", "котельная", "подстанция", "трубопровод", "кровля", "фасад", "лифт",
    "насос", "генератор", "конвейер", "сервер", "лицензия", "транспорт", "оборудование", "мебель",
    "стеллаж", "вентиляция", "освещение", "warehouse", "office", "rack", "pump", "license",
    "building", "pipeline", "turbine", "vehicle", "network",
)  # fmt: skip
SYLLABLES = (
    "ро", "ста", "мет", "ин", "вест", "га", "за", "про", "ма", "ле", "кон", "тех", "строй", "снаб",
    "торг", "сев", "юг", "вол", "ура", "бал", "ок", "ти", "ка", "но", "ви", "да",
)  # fmt: skip
LATIN = ("Nor", "Al", "Tek", "Sol", "Var", "Gen", "Omni", "Sta", "Lum", "Cor", "Ver", "Dyn")
CITIES = (
    "Москва", "Санкт-Петербург", "Казань", "Екатеринбург", "Новосибирск", "Самара", "Пермь",
    "Воронеж", "Тюмень", "Уфа", "London", "Berlin", "Oslo", "Riga",
)  # fmt: skip
TAGS = (
    "срочно", "подписано", "архив", "бухгалтерия", "юристы", "проверено", "черновик", "оригинал",
    "копия", "склад", "финансы", "кадры", "signed", "draft", "urgent", "finance", "legal", "final",
)  # fmt: skip
DEPARTMENTS = ("Бухгалтерия", "Юридический отдел", "Склад", "Кадры", "Sales", "IT", "Engineering")
UPLOADERS = tuple(f"service-{number:03}" for number in range(200))
COMMON_UPLOADER = UPLOADERS[0]

BEGIN = datetime(2019, 1, 1, tzinfo=UTC)
END = datetime(2026, 11, 25, tzinfo=UTC)


def companies() -> list[str]:
    """Return some thousand names, the first far more common than the last."""
    chance = random.Random(1)  # noqa: S311 - the same every time
    russian = ["".join(chance.choices(SYLLABLES, k=3)).capitalize() for _ in range(3000)]
    english = ["".join(chance.choices(LATIN, k=2)) for _ in range(100)]
    return [*english, *russian]


def documents(first: int, count: int, total: int) -> Iterator[dict[str, Any]]:
    """Yield attributes documents; neighbours in number are neighbours in time."""
    known = companies()
    for number in range(first, first + count):
        yield _document(number, total, known)


def _document(number: int, total: int, known: list[str]) -> dict[str, Any]:
    chance = random.Random(number)  # noqa: S311 - the same every time
    kind, tag, ending = KINDS[int(len(KINDS) * chance.random() ** 1.5)]
    subject, thing = chance.choice(SUBJECTS), chance.choice(OBJECTS)
    company = known[int(len(known) * chance.random() ** 3)]
    created = BEGIN + (END - BEGIN) * (number / total)
    city = chance.choice(CITIES)
    expires = (created + timedelta(days=3650)).isoformat() if not chance.randrange(10) else None
    return {
        "filename": f"{kind}_{subject}_{company}_{created.year}-{number:06}.{ending}",
        "content_type": TYPES[ending],
        "retention": {"policy": "temporary" if expires else "permanent", "expires_at": expires},
        "legal_hold": False,
        "tags": sorted({tag, *chance.sample(TAGS, chance.randrange(4))}),
        "description": f"{kind} {subject}: {thing}, {company}, {city}. "
        f"{chance.choice(DEPARTMENTS)}, {chance.choice(OBJECTS)}",
        "metadata": {
            "project": f"P-{number % 997:03}",
            "department": chance.choice(DEPARTMENTS),
            "amount": chance.randrange(1000, 10_000_000),
        },
        "uploaded_by": UPLOADERS[int(len(UPLOADERS) * chance.random() ** 2)],
        "idempotency_key": None,
        "schema_version": 1,
        "revision": 1,
        "file_id": str(_file_id(created, number)),
        "size": int(2 ** (chance.random() * 22 + 8)),
        "sha256": f"{number:064x}",
        "created_at": created.isoformat(),
        "moving_to": None,
    }


def _file_id(created: datetime, number: int) -> UUID:
    """Return a UUID of version 7, as the ingester makes them, but the same every time."""
    milliseconds = int(created.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | 0x2 << 62 | number)


def row(attributes: dict[str, Any], element_id: str) -> tuple[Any, ...]:
    """Return the columns that a follower writes, in the order of COLUMNS."""
    expires = attributes["retention"]["expires_at"]
    return (
        UUID(attributes["file_id"]),
        element_id,
        attributes["revision"],
        attributes["filename"],
        attributes["filename"].rpartition(".")[2],
        attributes["content_type"],
        attributes["size"],
        attributes["sha256"],
        datetime.fromisoformat(attributes["created_at"]),
        attributes["uploaded_by"],
        attributes["retention"]["policy"],
        datetime.fromisoformat(expires) if expires else None,
        attributes["tags"],
        json.dumps(attributes, ensure_ascii=False),
    )


COLUMNS = (
    "file_id", "element_id", "revision", "filename", "extension", "content_type", "size", "sha256",
    "created_at", "uploaded_by", "retention_policy", "expires_at", "tags", "attributes",
)  # fmt: skip
