"""`python -m admin_module` serves Admin; `audit verify` checks the audit trail without it."""

import argparse
import asyncio
import re
import sys

from admin_module.app import create_app, verify_trail
from admin_module.config import OfflineSettings, Settings
from admin_module.domain.secrets import give_memory_back
from artstore_kit import application, logging, settings

_NOTED = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m admin_module", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    audit = commands.add_parser("audit", help="the audit trail").add_subparsers(required=True)
    verify = audit.add_parser("verify", help="say whether the trail is what was written")
    verify.add_argument(
        "--noted", type=_noted, metavar="SEQ:DIGEST", help="a record that was noted elsewhere"
    )
    asked = parser.parse_args()
    if asked.command == "audit":
        sys.exit(_verify(asked.noted))
    give_memory_back()
    configuration = settings.load(Settings)
    application.serve(create_app(configuration), "admin-module", configuration)


def _noted(text: str) -> tuple[int, bytes]:
    parts = _NOTED.fullmatch(text)
    if parts is None:
        message = "must read SEQ:DIGEST, such as 42:9f86…, the digest in 64 hexadecimal digits"
        raise argparse.ArgumentTypeError(message)
    return int(parts[1]), bytes.fromhex(parts[2])


def _verify(noted: tuple[int, bytes] | None) -> int:
    configuration = settings.load(OfflineSettings)
    logging.configure(service="admin-module", level="WARNING", log_format="text")
    verdict = asyncio.run(verify_trail(configuration, noted))
    if verdict.fault is not None:
        sys.stdout.write(f"BROKEN at record {verdict.fault.seq}: {verdict.fault.reason}\n")
        return 1
    sys.stdout.write(
        f"intact: {verdict.records} records, {verdict.checkpoints} signed checkpoints\n"
        f"to note elsewhere: {verdict.records}:{verdict.digest.hex()}\n"
    )
    return 0


if __name__ == "__main__":
    main()
