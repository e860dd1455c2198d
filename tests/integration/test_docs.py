"""The commands of the documentation that are marked ``run`` do what they should."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.docs import PAGES, Shell, shell_blocks

RUN = [page for page in PAGES if any(mark == "run" for mark, _ in shell_blocks(page))]


@pytest.fixture(scope="module")
def with_runs(tmp_path_factory) -> Path:
    """The folder of a shell with ``metrics.csv`` and ``more.jsonl``, in whose home both are imported."""
    shell = Shell(tmp_path_factory.mktemp("docs"))
    (shell.work / "metrics.csv").write_text("step,loss\n" + "".join(f"{i},{1 / (i + 1)}\n" for i in range(20)))
    (shell.work / "more.jsonl").write_text(
        "".join(f'{{"step": {i}, "loss": {2 / (i + 1)}}}\n' for i in range(20))
    )
    shell.run("gentui import metrics.csv more.jsonl")
    return shell.folder


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_commands_marked_run_succeed(page, with_runs, tmp_path):
    shutil.copytree(with_runs, tmp_path / "shell", symlinks=True)
    shell = Shell(tmp_path / "shell")
    for mark, commands in shell_blocks(page):
        if mark == "run":
            shell.run(commands)
