"""Private parts of Textual and its companions are used in ``gentui.tui.textual_private`` alone, and they exist."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import gentui
from gentui.tui import textual_private

ROOT = Path(gentui.__file__).parent
HOME = Path(textual_private.__file__).parent
LIBRARIES = ("textual", "textual-image")
PACKAGES = tuple(name.replace("-", "_") for name in LIBRARIES)
MODULES = sorted(path for path in ROOT.rglob("*.py") if HOME not in path.parents and path.name != "__main__.py")
PUBLIC_DESPITE_UNDERSCORE = {("os", "_exit"), ("os", "_Environ")}
"""Parts of the standard library that are documented."""
FIELDS_METHODS = {"_asdict", "_replace"}
"""Documented methods of named tuples."""


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def is_library(module: str) -> bool:
    return module.partition(".")[0] in PACKAGES


def module_of(path: Path) -> ModuleType:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return importlib.import_module(".".join(parts).removesuffix(".__init__"))


def classes(tree: ast.AST, outer: str = "") -> Iterator[tuple[str, ast.ClassDef]]:
    """Every class that a module's attributes lead to, with its qualified name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield outer + node.name, node
            yield from classes(node, f"{outer}{node.name}.")
        elif isinstance(node, ast.If | ast.Try):
            yield from classes(node, outer)


def defined_in(tree: ast.AST) -> set[str]:
    """Names that the classes below define: methods, fields, and attributes that are assigned to."""
    names: set[str] = set()
    for cls in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        for node in ast.walk(cls):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_own(node.value):
                names.add(node.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
    return names


def is_own(value: ast.expr) -> bool:
    return isinstance(value, ast.Name) and value.id in ("self", "cls")


@cache
def private_names_of(base: type) -> frozenset[str]:
    """The private attributes of a library's class: those of the class, and those its methods assign."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
    except (OSError, TypeError):
        tree = ast.Module([], [])
    assigned = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_own(node.value)
    }
    return frozenset(name for name in assigned | vars(base).keys() if is_private(name))


def foreign_imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and is_library(node.module or ""):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [part for a in node.names if is_library(a.name) for part in a.name.split(".")]
        else:
            continue
        yield from (f"line {node.lineno}: imports {name}" for name in names if is_private(name))


def foreign_attributes(tree: ast.AST) -> Iterator[str]:
    """Private attributes of objects that are of none of the module's own classes."""
    own = defined_in(tree) | FIELDS_METHODS
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and not is_own(node.value):
            owner = ast.unparse(node.value)
            if node.attr not in own and (owner, node.attr) not in PUBLIC_DESPITE_UNDERSCORE:
                yield f"line {node.lineno}: {owner}.{node.attr}"


def inherited_attributes(module: Any, tree: ast.AST) -> Iterator[str]:
    """Private attributes that our classes override, assign or use, and that a library's base class has too."""
    for name, node in classes(tree):
        cls: Any = module
        for part in name.split("."):
            cls = getattr(cls, part, None)
        if not isinstance(cls, type):
            continue
        theirs = set().union(*(private_names_of(base) for base in cls.__mro__ if is_library(base.__module__)))
        for part in ast.walk(node):
            used = None
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                used = part.name
            elif isinstance(part, ast.Attribute) and (is_own(part.value) or is_super(part.value)):
                used = part.attr
            elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                used = part.id
            if used in theirs:
                yield f"line {getattr(part, 'lineno', 0)}: {name} uses or hides {used}"


def is_super(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "super"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_other_module_touches_private_parts(path: Path):
    tree = ast.parse(path.read_text())
    found = [*foreign_imports(tree), *foreign_attributes(tree), *inherited_attributes(module_of(path), tree)]
    assert not found, found


@pytest.mark.parametrize(
    "source",
    [
        "from textual._context import active_app",
        "import textual_image._terminal",
        "def f(app): return app._driver",
        "class A:\n    def f(self, screen): screen._compositor.reflow()",
        "from textual.app import App\nclass A(App):\n    def _handle_exception(self, error): pass",
        "from textual.widget import Widget\nclass A(Widget):\n    def __init__(self): self._size = 3",
        "from textual.screen import Screen\nclass A(Screen):\n    def f(self): return self._closing",
        "from textual.screen import Screen\nclass A(Screen):\n    class B(Screen):\n        _css_update_count = 1",
    ],
)
def test_private_parts_are_found(source: str):
    tree, module = ast.parse(source), ModuleType("sample")
    exec(source, module.__dict__)
    assert [*foreign_imports(tree), *foreign_attributes(tree), *inherited_attributes(module, tree)]


def test_own_private_parts_are_allowed():
    source = (
        "import os\nfrom textual.widget import Widget\n"
        "class A(Widget):\n    def __init__(self): self._ours = 1\n"
        "    def f(self, other): return self._ours + other._ours + self._g(os._exit)\n    def _g(self, x): return x\n"
    )
    tree, module = ast.parse(source), ModuleType("sample")
    exec(source, module.__dict__)
    assert not [*foreign_imports(tree), *foreign_attributes(tree), *inherited_attributes(module, tree)]


def private_names_in(path: Path) -> set[str]:
    """The libraries' private names that one module of ``textual_private`` uses."""
    tree = ast.parse(path.read_text())
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and is_library(node.module or ""):
            names |= {*(node.module or "").split("."), *(alias.name for alias in node.names)}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and is_private(node.name):
            names.add(node.name)
    ours = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return {name for name in names if is_private(name)} - ours - {"_is_answered"}


def test_every_private_part_named_there_exists():
    """Also in what overrides them: an override of what is no longer called would do nothing, silently."""
    specs = [find_spec(package) for package in PACKAGES]  # importing textual-image queries the terminal
    folders = [Path(spec.origin).parent for spec in specs if spec is not None and spec.origin]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    sources = "\n".join(path.read_text() for path in files)
    defined = {path.stem for path in files}
    defined |= set(re.findall(r"\b(?:def|class) (_\w+)", sources))
    defined |= set(re.findall(r"\b(_\w+)(?:\s*:[^=\n]+)?\s*=", sources))
    defined |= set(re.findall(r"setattr\(\w+, \"(_\w+)\"", sources))
    named = set().union(*map(private_names_in, HOME.glob("*.py")))
    assert {"_compositor_refresh", "_compositor", "_move_page", "_pruning", "_TGP_MESSAGE_START"} <= named
    assert not named - defined


def test_what_they_are_part_of_is_pinned_exactly():
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    assert {f"{library}=={version(library)}" for library in LIBRARIES} <= set(project["dependencies"])
