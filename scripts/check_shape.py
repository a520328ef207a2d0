"""Fail where a module or a function has outgrown a screen, or where nobody reaches a module."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 40
# A service lives by what its app or its command reaches; a test keeps nothing of it alive.
ENTRY_POINTS = ("app", "__main__")
LIBRARIES = ("artstore_client", "artstore_kit")


def main() -> int:
    sources = [*ROOT.glob("*/src/**/*.py"), *ROOT.glob("scripts/*.py")]
    faults = [fault for path in sorted(sources) for fault in _outgrown(path)]
    faults += [f"{module}: no app and no command reaches it" for module in _unreached()]
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


def _outgrown(path: Path) -> Iterator[str]:
    if "migrations" in path.parts:
        return
    source = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT)
    if (lines := len(source.splitlines())) > MAX_MODULE_LINES:
        yield f"{name}: {lines} lines; a module has at most {MAX_MODULE_LINES}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                place = f"{name}:{node.lineno}: {node.name}"
                yield f"{place} has {lines} lines; a function has at most {MAX_FUNCTION_LINES}"


def _unreached() -> list[str]:
    packages = sorted(path.parent.name for path in ROOT.glob("*/src/*/__init__.py"))
    graph = grimp.build_graph(*packages, cache_dir=None)
    roots = {f"{package}.{name}" for package in packages for name in ENTRY_POINTS}
    roots |= {"artstore_client"} | {name for name in _named_outside() if name in graph.modules}
    reached = roots & graph.modules
    for root in reached.copy():
        reached |= graph.find_upstream_modules(root)
    # A package is reached with anything inside it.
    reached |= {name.rpartition(".")[0] for name in reached}
    return sorted(graph.modules - reached - set(packages))


def _named_outside() -> Iterator[str]:
    """Name the modules of the libraries that tests, scripts and migrations import."""
    patterns = ("conftest.py", "scripts/*.py", "tests/**/*.py", "*/tests/**/*.py")
    outside = [*ROOT.glob("*/src/**/migrations/**/*.py")]
    for pattern in patterns:
        outside += ROOT.glob(pattern)
    for path in outside:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield from (name for name in _names(node) if name.startswith(LIBRARIES))


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        # pytest_plugins and uvicorn name modules in words.
        return [node.value]
    return []


if __name__ == "__main__":
    sys.exit(main())
