"""The commands of the documentation that are marked ``run`` do what they should."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.docs import PAGES, shell_blocks


@pytest.fixture(scope="module")
def shell(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A folder with ``metrics.csv`` and ``more.jsonl``, and an environment in whose home both are imported."""
    root = tmp_path_factory.mktemp("docs")
    (root / "bin").mkdir()
    (root / "bin" / "gentui").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m gentui "$@"\n')
    (root / "bin" / "gentui").chmod(0o755)
    work = root / "work"
    work.mkdir()
    (work / "metrics.csv").write_text("step,loss\n" + "".join(f"{i},{1 / (i + 1)}\n" for i in range(20)))
    (work / "more.jsonl").write_text("".join(f'{{"step": {i}, "loss": {2 / (i + 1)}}}\n' for i in range(20)))
    environment = {
        **os.environ,
        "PATH": f"{root / 'bin'}:{os.environ['PATH']}",
        "GENTUI_HOME": str(root / "home"),
        "GENTUI_CONFIG": str(root / "config"),
        "COLUMNS": "120",
    }
    run("gentui import metrics.csv more.jsonl", work, environment)
    return root, environment


def run(script: str, folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(mark == "run" for mark, _ in shell_blocks(page))],
    ids=lambda page: page.name,
)
def test_commands_marked_run_succeed(page, shell, tmp_path):
    root, environment = shell
    shutil.copytree(root / "home", tmp_path / "home", symlinks=True)
    shutil.copytree(root / "work", tmp_path / "work")
    environment = {**environment, "GENTUI_HOME": str(tmp_path / "home")}
    for mark, body in shell_blocks(page):
        if mark == "run":
            run(body, tmp_path / "work", environment)
