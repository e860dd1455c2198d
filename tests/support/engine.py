"""Small real runs: a 3,000-parameter net on the embedded digits, trained by the real trainer."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import torch

from engine.recipes.recipe import load
from engine.runs.directory import RunDir, State
from engine.runs.events import iter_events
from engine.training import checkpoint
from tests.support.ills import PLUGINS
from tests.support.processes import Forked
from tests.support.waiting import wait_for

SMALL = {
    "model.channels": 8,
    "model.multipliers": [1, 1],
    "model.groups": 4,
    "data.batch_size": 32,
    "train.steps": 40,
    "train.precision": "fp32",
    "sample.steps": 3,
    "sample.columns": 2,
    "sample.times": 2,
    "evaluate.samples": 40,
    "evaluate.times": 2,
}
SIXTY_STEPS = {**SMALL, "train.steps": 60, "model.dropout": 0.1}


def small_run(home: Path, **changes: Any) -> RunDir:
    """A run directory of a small digits recipe; keyword arguments are dotted keys with ``__`` for the dot."""
    values = {**SMALL, **{key.replace("__", "."): value for key, value in changes.items()}}
    recipe = load("digits-unet").with_values(values)
    return RunDir.create(home, recipe.to_toml(), {"recipe": recipe.name}, State())


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., RunDir]:
    """Makes such runs in the test's own home."""
    return partial(small_run, tmp_path)


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunDir]:
    """Makes a run of 60 steps of which steps 30 and 60 are scored by the failing scorer, whose settings are ``scorer``.

    The file ``log`` lists its calls. ``figure``: with a figure that raises, and the usual scorer.
    """
    config = tmp_path / "config"
    shutil.copytree(PLUGINS, config / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("GENTUI_CONFIG", str(config))

    def make(
        home: Path = tmp_path, *, figure: bool = False, values: dict[str, Any] | None = None, **scorer: Any
    ) -> RunDir:
        recipe = load("digits-unet").with_values({**SIXTY_STEPS, "evaluate.batch_size": 64, **(values or {})})
        raw = recipe.raw()  # this process has not loaded the plug-ins
        if figure:
            raw["method"]["name"] = "failing-figure"
        else:
            raw["evaluate"] |= {"metric": "failing", "log": str(home / "log"), **scorer}
        return RunDir.create(home, tomli_w.dumps(raw), {"recipe": recipe.name}, State())

    return make


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A run of six steps that is done, with the checkpoints of two kept. Nobody changes it."""
    values = {**SMALL, "train.steps": 6, "train.keep": 2, "evaluate.times": 1}
    recipe = load("digits-unet").with_values(values)
    run = RunDir.create(tmp_path_factory.mktemp("home"), recipe.to_toml(), {"recipe": recipe.name}, State())
    code, output = finish(trainer(run))
    assert code == 0, output
    return run


@pytest.fixture(scope="module")
def trained(trained_once: RunDir, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A copy of that run for the tests of a module, in a home of its own."""
    path = tmp_path_factory.mktemp("home") / "runs" / trained_once.id
    shutil.copytree(trained_once.path, path, symlinks=True)
    return RunDir(path)


def trainer(run: RunDir, *arguments: str, fresh: bool = False) -> subprocess.Popen[str] | Forked:
    """The real trainer in a process of its own, on one thread; ``fresh``: in a new interpreter, not a fork."""
    command = ["-m", "engine", str(run.path), "--device", "cpu", *arguments]
    if not fresh:
        return Forked(command, stderr=subprocess.STDOUT)
    return subprocess.Popen(
        [sys.executable, "-P", *command],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


IMPATIENT = "engine.training.patience.SECONDS = 1.0"
"""Waits one second for room on a full disk, in place of ten minutes."""
NEVER_EARLY = "engine.training.saver.FIRST_CHECKPOINT_SECONDS = 1e9"
"""Writes no checkpoint by the clock before ``train.checkpoint_minutes``."""


def changed_trainer(run: RunDir, *changes: str) -> Forked:
    """The real trainer with other constants: ``IMPATIENT``, ``NEVER_EARLY``."""
    modules = ", ".join(change.partition(" ")[0].rpartition(".")[0] for change in changes)
    code = "\n".join(
        [f"import sys, {modules}", *changes, "from engine.__main__ import main", "sys.exit(main())"]
    )
    return Forked(["-c", code, str(run.path), "--device", "cpu"], stderr=subprocess.STDOUT)


def trainer_stopped_at(run: RunDir, step: int) -> Forked:
    """The real trainer, which is asked to stop when it has taken this step."""
    code = (
        "import signal, sys\n"
        "from engine.__main__ import main\n"
        "from engine.training.loop import Trainer\n"
        "take = Trainer._train_step\n"
        "stop = lambda: signal.raise_signal(signal.SIGTERM)\n"
        f"Trainer._train_step = lambda self: (take(self), self.step == {step} and stop())\n"
        "sys.exit(main())"
    )
    return Forked(["-c", code, str(run.path), "--device", "cpu"], stderr=subprocess.STDOUT)


def finish(process: subprocess.Popen[str] | Forked) -> tuple[int, str]:
    output, _ = process.communicate(timeout=300)
    return process.wait(), output


def events(run: RunDir, kind: str | None = None) -> list[dict[str, Any]]:
    found = [event for _, path in run.events_files() for event in iter_events(path)]
    return [event for event in found if kind is None or event["kind"] == kind]


def wait_for_step(run: RunDir, process: subprocess.Popen[str] | Forked, step: int) -> None:
    """Wait until the trainer has logged ``step``."""

    def reached() -> bool:
        ended = process.poll() is not None
        if any(event["step"] >= step for event in events(run, "metrics")):
            return True
        if ended:
            pytest.fail(f"the trainer ended early: {process.communicate()[0]}")
        return False

    wait_for(reached, f"step {step} of {run.id}", seconds=120)


def assert_same(a, b, path="state"):
    assert type(a) is type(b), path
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b), path
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for key in a:
            assert_same(a[key], b[key], f"{path}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), path
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{path}[{i}]")
    else:
        assert a == b, path


def comparable(run, which="last"):
    weights, state = checkpoint.load(run, which)
    state.pop("precision")  # its reason says whether the choice was made or inherited
    return {"weights": weights, "state": state}
