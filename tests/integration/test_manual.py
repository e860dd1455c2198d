"""The manual page of the wheel: it is installed where ``man`` looks, and reads well."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gentui.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prefix into which the wheel of this tree has been installed; that of the tests stays."""
    pytest.importorskip("build")
    work = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(work / "dist"), str(ROOT)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    (wheel,) = (work / "dist").glob("*.whl")
    installed = subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--ignore-installed",
         "--prefix", str(work / "prefix"), str(wheel)], capture_output=True, text=True,
    )  # fmt: skip
    assert installed.returncode == 0, installed.stderr
    return work / "prefix"


@pytest.mark.skipif(shutil.which("man") is None, reason="there is no man here")
def test_man_finds_and_shows_the_page_of_the_installed_wheel(prefix):
    shown = subprocess.run(
        ["man", "gentui"], capture_output=True, text=True,
        env={**os.environ, "MANPATH": str(prefix / "share" / "man"), "MANWIDTH": "100", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    text = re.sub(r"\x1b\[[\d;]*m|.\x08", "", shown.stdout)
    for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "EXIT STATUS", "ENVIRONMENT"):
        assert f"\n{heading}\n" in text
    for name in COMMANDS:
        assert re.search(rf"^ +{name}( |$)", text, re.MULTILINE), name
    assert "Override a setting, such as optim.lr=1e-4." in text and "GENTUI_HOME" in text


@pytest.mark.skipif(shutil.which("groff") is None, reason="there is no groff here")
def test_groff_finds_nothing_wrong_with_the_page():
    page = ROOT / "docs" / "gentui.1"
    done = subprocess.run(["groff", "-man", "-ww", "-Tascii", "-z", str(page)], capture_output=True, text=True)
    mistakes = [line for line in done.stderr.splitlines() if "can't find special character" not in line]
    assert done.returncode == 0 and not mistakes, mistakes
