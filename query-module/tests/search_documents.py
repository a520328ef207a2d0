"""What a company keeps, in Russian and English: the same documents every time, and what is asked.

Most are made of word lists; those that one looks for by name are written out below.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit.contracts.files import FileAttributes
from query_module.database.following import leading
from query_module.domain.feed import Effect, FeedPosition

FIRST = datetime(2021, 1, 11, 9, tzinfo=UTC)

KINDS = {
    "contract": ("Договор {subject}", "договоры", "pdf"),
    "act": ("Акт {subject}", "акты", "pdf"),
    "bill": ("Счёт {subject}", "бухгалтерия", "xlsx"),
    "minutes": ("Протокол {subject}", "совещания", "docx"),
    "invoice": ("Invoice {subject}", "invoices", "pdf"),
    "report": ("Report {subject}", "reports", "docx"),
}
SUBJECTS = {
    "contract": {"rent": "аренды", "supply": "поставки", "repair": "подряда"},
    "act": {"reconciliation": "сверки", "acceptance": "приёмки", "write-off": "списания"},
    "bill": {"payment": "на оплату", "advance": "на предоплату"},
    "minutes": {"meeting": "совещания", "tests": "испытаний"},
    "invoice": {"delivery": "for delivery", "maintenance": "for maintenance"},
    "report": {"quarter": "quarterly sales", "safety": "safety inspection"},
}
COMPANIES = {
    "romashka": "Ромашка",
    "vostok": "Восток-Сервис",
    "north": "Северный ветер",
    "acme": "Acme Industries",
    "nordic": "Nordic Freight",
}
PLACES = ("складу", "офису", "цеху", "котельной", "warehouse", "office")
YEARS = (2021, 2022, 2023, 2024, 2025, 2026)


@dataclass(frozen=True)
class Document:
    """A file, and what it is: `name` for one written out, `labels` for one of many."""

    attributes: FileAttributes
    labels: frozenset[str]


async def enter(engine: AsyncEngine, stored: Sequence[FileAttributes]) -> None:
    """Put files into the index the way the followers do."""
    async with leading(engine, "se-01") as lead:
        before = await lead.position()
        after = FeedPosition(
            before.feed_id if before else uuid4(), (before.next if before else 0) + 1
        )
        if before is None:
            generation = uuid4()
            await lead.refresh(stored, generation)
            await lead.finish(generation, before=None, after=after)
        else:
            await lead.apply(Effect(list(stored), {}), before=before, after=after)


def documents() -> list[Document]:
    """Return them all, oldest first."""
    return [
        *(_made(number, *choice) for number, choice in enumerate(_choices())),
        *(
            Document(_attributes(1000 + number, **said), frozenset({said["name"]}))
            for number, said in enumerate(WRITTEN)
        ),
    ]


def _choices() -> list[tuple[str, str, str, int]]:
    return [
        (kind, subject, company, year)
        for year, kind, company in itertools.product(YEARS, KINDS, COMPANIES)
        for subject in SUBJECTS[kind]
    ]


def _made(number: int, kind: str, subject: str, company: str, year: int) -> Document:
    pattern, tag, ending = KINDS[kind]
    title = pattern.format(subject=SUBJECTS[kind][subject])
    attributes = _attributes(
        number,
        filename=f"{title} {COMPANIES[company]} {year}-{number % 90 + 1:03}.{ending}",
        tags=[tag, str(year)],
        description=f"{title} по {PLACES[number % len(PLACES)]}, {COMPANIES[company]}",
        metadata={"company": COMPANIES[company], "year": year},
    )
    return Document(attributes, frozenset({kind, subject, company, str(year)}))


def _attributes(number: int, **said: Any) -> FileAttributes:
    described = {key: value for key, value in said.items() if key != "name"}
    return FileAttributes(
        file_id=UUID(int=number + 1),
        size=1000 + number * 7,
        sha256=f"{number:064x}",
        created_at=FIRST + timedelta(hours=5 * number),
        uploaded_by="archive",
        **described,
    )


WRITTEN: list[dict[str, Any]] = [
    {"name": "charter", "filename": "Устав общества с изменениями.pdf", "tags": ["учредительные"]},
    {"name": "fire", "filename": "инструкция_по_пожарной_безопасности_v3.docx"},
    {"name": "scan", "filename": "скан0047.tif", "description": "Паспорт насоса К-80, зелёный"},
    {"name": "drawing", "filename": "АБВГ.301142.005СБ.dwg", "description": "Сборочный чертёж"},
    {"name": "spec", "filename": "TZ-0815_rev.B.final.pdf", "tags": ["спецификация"]},
    {"name": "holiday", "filename": "График отпусков 2025.xlsx", "tags": ["кадры"]},
    {"name": "ivanov", "filename": "Приказ о приёме Иванова П.С..docx", "tags": ["кадры"]},
    {"name": "petrova", "filename": "Трудовая книжка Петровой.pdf", "tags": ["кадры", "личное"]},
    {"name": "boiler", "filename": "Паспорт котла КВ-1,0.pdf", "metadata": {"serial": "SN-88-314"}},
    {"name": "permit", "filename": "Разрешение на строительство.pdf", "tags": ["стройка"]},
    {"name": "letter", "filename": "исх-145 письмо в налоговую.eml"},
    {"name": "fine", "filename": "штраф ГИБДД.pdf", "description": "О правонарушении"},
    {"name": "lease", "filename": "Lease agreement - Baker Street 221B.pdf", "tags": ["property"]},
    {"name": "nda", "filename": "NDA_Umbrella_signed.pdf", "description": "Non-disclosure"},
    {"name": "manual", "filename": "User manual (espresso machine).pdf"},
    {"name": "cv", "filename": "Résumé José Núñez.pdf", "tags": ["hiring"]},
    {"name": "minutes", "filename": "board-minutes_2024-05-17.md", "description": "Dividends"},
    {"name": "budget", "filename": "Budget2026 DRAFT v12.xlsx", "tags": ["finance"]},
    {"name": "photo", "filename": "IMG_20240517_113045.jpg", "description": "Трещина в фундаменте"},
    {"name": "backup", "filename": "db-dump.tar.gz", "description": "Nightly backup"},
    {"name": "policy", "filename": "Политика обработки персональных данных.pdf"},
    {"name": "license", "filename": "Лицензия на недропользование.pdf", "tags": ["лицензии"]},
    {"name": "elephant", "filename": "Отчёт зоопарка.pdf", "description": "Кормление слонов"},
    {"name": "hedgehog", "filename": "Ёжик в тумане.txt", "description": "Сценарий мультфильма"},
    {"name": "thesis", "filename": "диссертация-черновик.tex", "tags": ["наука"]},
    {"name": "insurance", "filename": "Полис ОСАГО ХХХ 0123456789.pdf"},
    {"name": "tender", "filename": "Конкурсная документация.zip", "metadata": {"lot": "Лот 7/К"}},
    {"name": "running", "filename": "marathon-training.pdf", "description": "For running mice"},
    {"name": "estimate", "filename": "смета-кровля(корр).xls", "tags": ["стройка"]},
    {"name": "warranty", "filename": "Гарантийный талон холодильника.jpg"},
]  # fmt: skip

# What is asked for one document that is written out: it comes first.
ONE = [
    ("устав общества", "charter"),
    ("уставом", "charter"),
    ("учредительный", "charter"),
    ("пожарная безопасность", "fire"),
    ("инструкции пожарной", "fire"),
    ("v3", "fire"),
    ("паспорт насоса", "scan"),
    ("зеленый", "scan"),
    ("скан0047", "scan"),
    ("АБВГ.301142.005СБ", "drawing"),
    ("301142", "drawing"),
    ("сборочные чертежи", "drawing"),
    ("0815", "spec"),
    ("tz final", "spec"),
    ("rev.b", "spec"),
    ("отпуск", "holiday"),
    ("график отпусков", "holiday"),
    ("приказ иванов", "ivanov"),
    ("приём иванова", "ivanov"),
    ("трудовые книжки", "petrova"),
    ("личное", "petrova"),
    ("котёл or котла", "boiler"),
    ("SN-88-314", "boiler"),
    ('"SN-88"', "boiler"),
    ("разрешения строительство", "permit"),
    ("налоговая", "letter"),
    ("исх-145", "letter"),
    ("штрафы гибдд", "fine"),
    ("правонарушение", "fine"),
    ("lease", "lease"),
    ("221B", "lease"),
    ("baker street", "lease"),
    ('"lease agreement"', "lease"),
    ("disclosures", "nda"),
    ("nda umbrella", "nda"),
    ("espresso machines", "manual"),
    ("resume jose nunez", "cv"),
    ("résumé", "cv"),
    ("board minutes", "minutes"),
    ("2024-05-17 -img", "minutes"),
    ("dividend", "minutes"),
    ("budget2026", "budget"),
    ("drafts", "budget"),
    ("трещины фундамент", "photo"),
    ("img", "photo"),
    ("backups", "backup"),
    ("tar.gz", "backup"),
    ("персональные данные", "policy"),
    ("лицензии", "license"),
    ("слон", "elephant"),
    ("ежик", "hedgehog"),
    ("Ёжики в тумане", "hedgehog"),
    ("черновик диссертации", "thesis"),
    ("осаго 0123456789", "insurance"),
    ('"лот 7"', "tender"),
    ("конкурсные документации", "tender"),
    ("runs", "running"),
    ("сметы кровли", "estimate"),
    ("гарантийные талоны", "warranty"),
]

# What is asked for many: all documents with these labels are found, and they come first.
MANY = [
    ("договор аренды", {"contract", "rent"}),
    ("договоры аренды Ромашка", {"contract", "rent", "romashka"}),
    ("аренда ромашки 2023", {"rent", "romashka", "2023"}),
    ("поставка северный ветер", {"supply", "north"}),
    ("акт сверки", {"act", "reconciliation"}),
    ("сверка восток-сервис", {"reconciliation", "vostok"}),
    ("акты приемки", {"act", "acceptance"}),
    ("списание 2024", {"write-off", "2024"}),
    ("счета на оплату", {"bill", "payment"}),
    ("счет предоплата acme", {"bill", "advance", "acme"}),
    ("протоколы испытаний", {"minutes", "tests"}),
    ("протокол совещаний nordic", {"minutes", "meeting", "nordic"}),
    ("invoices delivery", {"invoice", "delivery"}),
    ("maintenance invoice acme", {"invoice", "maintenance", "acme"}),
    ("quarterly sale", {"report", "quarter"}),
    ("safety inspections nordic freight", {"report", "safety", "nordic"}),
    ("inspection 2026", {"report", "safety", "2026"}),
    ('"acme industries" подряд', {"contract", "repair", "acme"}),
]
