"""The pages of the documentation, and the shell commands in them.

A block of shell commands (```` ```sh ````) follows a comment that says who runs it:

- ``<!-- run -->``: ``tests/integration/test_docs.py``, in a home with two imported runs;
- ``<!-- run by PATH -->`` or ``<!-- run by PATH::TEST -->``: that script or test;
- ``<!-- needs: … -->``: nobody here, for want of what is named.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE
)
MARK = re.compile(r"run|run by (?P<path>[\w./-]+?)(?:::(?P<test>\w+))?|needs: .+")


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", page.read_text())


def shell_blocks(page: Path) -> Iterator[tuple[str, str]]:
    """(mark, commands) of every block of shell commands."""
    for match in FENCE.finditer(page.read_text()):
        if match["language"] == "sh":
            yield match["mark"] or "", match["body"]


def commands(text: str) -> Iterator[list[str]]:
    """The words of every command in a piece of shell; its variables are 0."""
    text = re.sub(r"\$\w+", "0", text)
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set(";|&<>()"):
                words = words[1:] if words[:1] == ["do"] else words
                if words:
                    yield words
                words = []
            else:
                words.append(word)


def commands_named(page: Path) -> Iterator[list[str]]:
    """The words of every code span that begins with ``gentui`` or ``python``."""
    for span in re.findall(r"`((?:gentui|python) [^`]+)`", prose(page)):
        yield from commands(" ".join(span.split()))


class Shell:
    """Runs shell commands in ``folder/work``; home, configuration and the command ``gentui`` are in ``folder``, too."""

    def __init__(self, folder: Path):
        self.folder, self.work = folder, folder / "work"
        self.work.mkdir(exist_ok=True)
        (folder / "bin").mkdir(exist_ok=True)
        program = folder / "bin" / "gentui"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m gentui "$@"\n')
        program.chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "GENTUI_HOME": str(folder / "home"),
            "GENTUI_CONFIG": str(folder / "config"),
        }

    def run(self, commands: str) -> None:
        """Run commands one after the other; the first that fails fails the test."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.work, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
