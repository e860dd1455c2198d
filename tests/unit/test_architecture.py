"""The walls of the house, read from every import and function: layers, circles, sizes. Nothing is imported."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("engine", "gentui")
OPEN_TO_THE_APP = ("engine.runs", "engine.recipes", "engine.settings")
LOOSE = {"engine": 3, "gentui": 2}  # modules beside the packages, __init__ and __main__ not counted
MODULE_LINES, FUNCTION_LINES = 450, 60

# Tables of data, as long as what they list.
TABLES = {"gentui.config.key_table"}

# Still above the limits. Nothing joins these lists; what falls below a limit leaves them.
LONG_MODULES: set[str] = set()
LONG_FUNCTIONS: set[str] = set()

Graph = Mapping[str, set[str]]


@cache
def sources() -> dict[str, str]:
    """The text of every module by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    return found


def imports_of(tree: ast.AST, package: str) -> Iterator[str]:
    """Dotted names imported anywhere in a module of ``package``: inside functions and under TYPE_CHECKING too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                ancestor = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*ancestor, base] if base else ancestor)
            yield from (f"{base}.{alias.name}" for alias in node.names)


@cache
def imports() -> Graph:
    """Which of our modules each one imports."""
    modules = sources()
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for name, text in modules.items():
        is_package = (ROOT / name.replace(".", "/")).is_dir()
        for target in imports_of(ast.parse(text), name if is_package else name.rpartition(".")[0]):
            while target and target not in modules:
                target = target.rpartition(".")[0]
            if target and target != name:
                graph[name].add(target)
    return graph


def circles(graph: Graph) -> list[list[str]]:
    """Sets of nodes that reach each other (Tarjan's strongly connected components of two nodes and more)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph.get(node, ()):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            component = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(component) > 1:
                found.append(sorted(component))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def between_packages(graph: Graph, depth: int) -> Graph:
    """The same arrows between the first ``depth`` parts of the names."""
    merged: dict[str, set[str]] = defaultdict(set)
    for name, targets in graph.items():
        source = ".".join(name.split(".")[:depth])
        merged[source] |= {".".join(target.split(".")[:depth]) for target in targets} - {source}
    return merged


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
    lazy = "if TYPE_CHECKING:\n    from a.b import c\ndef f():\n    from . import d\n    import e.f as g"
    assert list(imports_of(ast.parse(lazy), "p.q")) == ["a.b.c", "p.q.d", "e.f"]


def test_everything_is_read():
    assert {"engine.training.loop", "gentui.tui.app", "engine", "gentui"} <= sources().keys()
    assert "engine.runs.directory" in imports()["engine.__main__"]
    assert "engine.training.attempt" in imports()["engine.__main__"], "an import inside a function"


def test_no_module_imports_itself_through_others():
    assert circles(imports()) == []


@pytest.mark.parametrize("depth", [2, 3])
def test_no_package_imports_itself_through_others(depth):
    assert circles(between_packages(imports(), depth)) == []


def test_the_engine_imports_nothing_of_the_app():
    outward = [(a, b) for a, targets in imports().items() for b in targets if b.partition(".")[0] == "gentui"]
    assert [(a, b) for a, b in outward if a.partition(".")[0] == "engine"] == []


def test_of_the_engine_the_app_imports_runs_recipes_and_settings_only():
    inside = [
        (name, target)
        for name, targets in imports().items()
        for target in targets
        if name.partition(".")[0] == "gentui" and target.partition(".")[0] == "engine"
    ]
    assert len(inside) > 50
    assert [arrow for arrow in inside if ".".join(arrow[1].split(".")[:2]) not in OPEN_TO_THE_APP] == []


def test_no_module_is_longer_than_a_few_screens():
    long = {name for name, text in sources().items() if len(text.splitlines()) > MODULE_LINES}
    assert long - TABLES == LONG_MODULES


def test_no_function_is_longer_than_a_screen():
    long = {
        f"{name}.{node.name}"
        for name, text in sources().items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= FUNCTION_LINES
    }
    assert long == LONG_FUNCTIONS


@pytest.mark.parametrize("package", PACKAGES)
def test_modules_live_in_packages(package):
    loose = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__", "__main__"}
    assert len(loose) <= LOOSE[package], loose
