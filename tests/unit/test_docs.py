"""The documentation is true: generated pages, links, names of files and code, and the form of every command."""

from __future__ import annotations

import ast
import importlib.util
import re
import tomllib
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import click
import pytest

from engine.settings import registry
from gentui.cli.main import cli
from gentui.config import key_table
from tests.support.docs import FENCE, MARK, PAGES, ROOT, commands, commands_named, prose, shell_blocks


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["keys.md", "cli.md", "gentui.1", "comparison.md", "published.md"])
def test_generated_pages_are_up_to_date(name):
    written = (ROOT / "docs" / name).read_text()
    assert written == generator().FILES[name](), "`python docs/generate.py` writes it anew"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_resolve(page):
    links = re.findall(r"\]\(([^)\s]+)\)", prose(page)) + re.findall(
        r"^\[[^\]]+\]: (\S+)", prose(page), re.MULTILINE
    )
    for link in links:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link}"


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_is_linked_from_the_readme():
    readme = (ROOT / "README.md").read_text()
    assert [
        page.name for page in PAGES[1:] if f"{page.name})" not in readme and f"{page.name}#" not in readme
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_commands_says_who_runs_it(page):
    text = page.read_text()
    assert text.count("\n```") == 2 * len(FENCE.findall(text)), f"{page.name}: a fence is not closed"
    assert not re.findall(r"^    (?:gentui|python|for) ", text, re.MULTILINE), f"{page.name}: an indented block"
    for match in FENCE.finditer(text):
        assert match["language"], f"{page.name}: a block without a language:\n{match['body']}"
    for mark, body in shell_blocks(page):
        told = MARK.fullmatch(mark)
        assert told is not None, f"{page.name}: no mark before\n{body}"
        if told["path"] is None:
            continue
        runner = (ROOT / told["path"]).read_text()
        if told["test"] is not None:
            assert f"def {told['test']}(" in runner, f"{page.name}: {mark}"
        else:
            for line in body.splitlines():
                assert line.removeprefix("gentui ") in runner, (
                    f"{page.name}: {told['path']} does not run {line}"
                )


@pytest.mark.parametrize("name", ["README.md", "docs/app.md"])
def test_keys_that_are_named_are_in_the_table(name):
    table = {stroke for key in key_table.TABLE for stroke in key.display_all.split()}
    spans = re.findall(r"`([^`\n]+)`", prose(ROOT / name))
    strokes = {re.sub(r"^Ctrl-(.)", lambda match: "^" + match[1].lower(), span) for span in spans}
    words = {"*", "|"}  # what filters and columns are asked for by
    assert {stroke for stroke in strokes if re.fullmatch(r"\S|\^\S|F\d+", stroke)} - words <= table


def test_every_environment_variable_is_described():
    code = "".join(
        path.read_text() for package in ("engine", "gentui") for path in (ROOT / package).rglob("*.py")
    )
    described = set(
        re.findall(r"^\| `(GENTUI_[A-Z]+)` \|", (ROOT / "docs" / "cli.md").read_text(), re.MULTILINE)
    )
    assert described == set(re.findall(r"GENTUI_[A-Z]+", code)) - {
        "GENTUI_TRAINER",
        "GENTUI_EVALUATOR",
        "GENTUI_LEADER",
        "GENTUI_MEETING",
    }  # for tests, and from one process of ours to another


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_toml_and_python_are_well_formed(page):
    for match in FENCE.finditer(page.read_text()):
        if match["language"] == "toml":
            tomllib.loads(match["body"])
        elif match["language"] == "python":
            ast.parse(match["body"])


def test_recipes_describe_every_kind_of_part():
    table = (ROOT / "docs" / "recipes.md").read_text().partition("\n## Kinds of parts\n")[2]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted(registry.kinds())


def test_architecture_lists_the_packages_in_the_order_of_their_layers():
    text = (ROOT / "docs" / "architecture.md").read_text()
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    for package in ("engine", "gentui"):
        layers = next(c["layers"] for c in contracts if c.get("containers") == [package])
        packages = [name for layer in layers for name in layer.split(" | ") if name != "__main__"]
        assert packages == re.findall(rf"^\| `{package}/([a-z]\w+)(?:/|\.py)` \|", text, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_ones_that_gentui_has(page):
    for _, body in shell_blocks(page):
        for words in commands(body):
            check(words)
    for words in commands_named(page):
        with suppress(click.MissingParameter, click.BadOptionUsage):  # a sentence may leave arguments out
            check(words)


def check(words: list[str]) -> None:
    """Parse a ``gentui`` command; look for the module or script that ``python`` is told to run."""
    if words[0] == "gentui":
        parse(words[1:])
    elif words[0] == "python" and "-m" in words:
        module = words[words.index("-m") + 1]
        found = ROOT / module.replace(".", "/")
        assert found.with_suffix(".py").exists() or (found / "__main__.py").exists(), module
    elif words[0] == "python" and "/" in words[1]:
        assert (ROOT / words[1]).exists(), words[1]


def parse(words: list[str]) -> None:
    """Parse a command line as ``gentui`` does, without calling the command. Raises click.UsageError."""
    command: click.Command = cli
    context = None
    name = "gentui"
    while True:
        context = command.make_context(name, list(words), parent=context)
        left = [*getattr(context, "_protected_args", []), *context.args]
        if not isinstance(command, click.Group) or not left:
            return
        found, below, words = command.resolve_command(context, left)
        assert found is not None and below is not None
        name, command = found, below


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_code_that_are_named_exist(page):
    text = prose(page)
    if page.name == "CHANGELOG.md":  # of its tables of changes, what is now
        text = "\n".join(line.split("|")[-2] for line in text.splitlines() if line.endswith("|"))
    for span in re.findall(r"`([^`\n]+)`", text):
        if re.fullmatch(r"(?:engine|gentui|tests|screenshots|docs|\.ci)/[\w./-]*", span):
            assert (ROOT / span).exists(), f"{page.name}: {span}"
        elif re.fullmatch(r"(?:engine|gentui)(?:\.\w+)+", span) and span != registry.PLUGIN_GROUP:
            assert is_defined(span), f"{page.name}: {span}"


def is_defined(dotted: str) -> bool:
    """Whether ``engine.settings.registry.register`` is a module, or a name that its module defines."""
    path, *names = (ROOT / dotted.split(".")[0]), *dotted.split(".")[1:]
    while names and (path / names[0]).is_dir():
        path /= names.pop(0)
    file = path / "__init__.py"
    if names and (path / f"{names[0]}.py").exists():
        file = path / f"{names.pop(0)}.py"
    body: list[ast.stmt] = ast.parse(file.read_text()).body
    for name in names:
        defined = {
            **{node.name: node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)},
            **{
                target.id: node
                for node in body
                if isinstance(node, ast.Assign | ast.AnnAssign)
                for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
                if isinstance(target, ast.Name)
            },
        }
        if name not in defined:
            return False
        body = getattr(defined[name], "body", [])
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_that_are_named_are_there(page):
    for path, name in re.findall(r"(tests/[\w/]+\.py)::(\w+)", page.read_text()):
        assert f"def {name}(" in (ROOT / path).read_text(), f"{page.name}: {path}::{name}"


def promises() -> list[str]:
    """The rows of the table in SECURITY.md, below its heading."""
    heading, _, below = (ROOT / "SECURITY.md").read_text().partition("\n|---|---|\n")
    assert heading.endswith("\n| promise | test |")
    rows = below.partition("\n\n")[0].splitlines()
    assert len(rows) >= 13 and {row.count(" | ") for row in rows} == {1}
    return rows


def test_every_promise_of_security_has_a_test():
    assert [row for row in promises() if "::test_" not in row.split(" | ")[1]] == []


def test_every_test_that_security_names_is_one():
    """In a form that ``test_tests_that_are_named_are_there`` looks for."""
    for row in promises():
        named = row.split(" | ")[1].removesuffix(" |").split(", ")
        assert all(re.fullmatch(r"`tests/[\w/]+\.py::test_\w+`", name) for name in named), row
