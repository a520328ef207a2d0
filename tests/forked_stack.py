from collections.abc import Mapping
from pathlib import Path

from typing_extensions import override

from artstore_kit.testing.forking import Files, ForkedProcess
from artstore_kit.testing.processes import Process
from stack import Service, Stack


class ForkedStack(Stack):
    """The same system, whose services are up in a fraction of the time, with these settings."""

    def __init__(self, data: Path, settings: Mapping[str, str]) -> None:
        super().__init__(data, free_ports=True, quiet=True)
        self._settings = settings
        # Of these, memory is measured: what was imported for others would count as theirs.
        self.unforked: set[str] = set()

    @override
    def environment(self, service: Service) -> dict[str, str]:
        return {**super().environment(service), **self._settings}

    @override
    def spawn(self, service: Service, environment: dict[str, str], log: Path) -> Process:
        if service.name in self.unforked:
            return super().spawn(service, environment, log)
        return ForkedProcess(service.package, env=environment, files=Files(log, log))
