from pathlib import Path

from typing_extensions import override

from artstore_kit.testing.forking import ForkedProcess
from stack import Service, Stack


class ForkedStack(Stack):
    """The same system, whose services are up in a fraction of the time."""

    @override
    def spawn(self, service: Service, environment: dict[str, str], log: Path) -> ForkedProcess:
        return ForkedProcess(service.package, env=environment, output=log)
