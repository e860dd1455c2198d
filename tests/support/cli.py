from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.recipes import recipe as recipes
from engine.runs.directory import RunDir, State, list_runs
from engine.runs.events import EventWriter
from tests.support.processes import COMMANDS, completed, end_all_of

FAKE_TRAINER = Path(__file__).with_name("fake_trainer.py")
FAKE_EVALUATOR = FAKE_TRAINER.with_name("fake_evaluator.py")
PROTOCOL = {
    "protocol": "fid · digits-cnn@1a2b3c4d · train 1437 · n=500 · heun 18 · ema",
    "protocol_id": "0a1b2c3d",
    "protocol_detail": {
        "metric": "fid", "extractor": "digits-cnn", "extractor_hash": "1a2b3c4d", "dataset": "digits",
        "dataset_hash": "00000000", "split": "train", "split_size": 1437, "samples": 500, "resize": "none",
        "quantisation": "uint8", "sampler": "heun", "steps": 18, "ema": True,
    },
}  # fmt: skip


@contextmanager
def empty_home(place: Path) -> Iterator[Path]:
    """An empty home in the folder ``place``. No process that works for it outlives the test."""
    home = place / "home"
    home.mkdir(mode=0o700)
    try:
        yield home
    finally:
        end_all_of(home)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with empty_home(tmp_path) as home:
        yield home


@pytest.fixture
def make_run(home: Path) -> Callable[..., RunDir]:
    """Makes a run as the trainer would leave it, without training."""

    def make(
        recipe: str = "digits-unet",
        *,
        name: str = "",
        status: str = "done",
        reason: str = "",
        losses: tuple[float, ...] = (0.9, 0.5, 0.25),
        scores: tuple[float, ...] = (),
        stand_in_for: str | None = None,
        log: bytes = b"first line\nsecond line\n",
    ) -> RunDir:
        chosen = recipes.load(recipe)
        info = {
            "name": name, "recipe": chosen.name, "title": chosen.title, "family": chosen.family,
            "dataset": chosen.dataset, "quick": False, "stand_in_for": stand_in_for, "seed": 7, "device": "cpu",
            "command": ["gentui"], "versions": {}, "git": None, "host": "here", "created_at": 1e9,
            "total_steps": len(losses),
            "reference": chosen.reference.model_dump() if chosen.reference else None,
        }  # fmt: skip
        code = int(status != "done")
        state = State(status, reason, attempt=1, started_at=1e9, ended_at=1e9 + 60, exit_code=code)
        run = RunDir.create(home, chosen.to_toml(), info, state)
        writer = EventWriter(run.events_path(1))
        writer.emit(
            "status", step=0, images=0, status="started", total_steps=len(losses),
            total_images=64 * len(losses), steps_per_epoch=2, device="cpu", precision="fp32", parameters=1000,
        )  # fmt: skip
        for step, loss in enumerate(losses, 1):
            writer.emit("metrics", step=step, images=64 * step, values={"loss": loss, "images_per_s": 800.0})
        for step, score in enumerate(scores, 1):
            writer.emit(
                "evaluation", step=step, images=64 * step, metric="fid", value=score, lower_is_better=True,
                floor=1.5, seconds=2.0, best=score == min(scores), **PROTOCOL,
            )  # fmt: skip
        sample = run.samples / "000003.png"
        sample.touch(0o600)
        writer.emit("sample", step=3, images=192, path="samples/000003.png", rows=1, columns=1, caption="")
        writer.emit("status", step=len(losses), images=64 * len(losses), status=status, reason=reason)
        writer.close()
        run.log_path.touch(0o600)
        run.log_path.write_bytes(log)
        return run

    return make


@pytest.fixture
def invoke(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Calls the command line in this process, as ``main`` would: exit code, stdout, stderr."""
    from gentui.cli import main as cli

    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> Result:
        class Entry:
            name = "gentui"

            @staticmethod
            def main(args, prog_name, **extra):
                cli.main([*args])

        return CliRunner().invoke(Entry, ["--home", str(home), *arguments])  # type: ignore[arg-type]

    return call


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """Variables under which ``gentui`` uses the home, and a trainer and an evaluation that only pretend."""
    pretenders = {
        name: json.dumps([sys.executable, "-P", str(script)])
        for name, script in (("GENTUI_TRAINER", FAKE_TRAINER), ("GENTUI_EVALUATOR", FAKE_EVALUATOR))
    }
    return {**os.environ, **pretenders, "GENTUI_HOME": str(home), "COLUMNS": "200"}


@pytest.fixture
def gentui(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the real command in a process of its own, with a trainer that only pretends."""

    def run(
        *arguments: str, input: str | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        program = ["-m", "gentui", *arguments]
        if any(
            environment.get(name) != os.environ.get(name)
            for name in ("PYTHONPATH", "PYTHONIOENCODING", "LC_ALL")
        ):
            return subprocess.run(  # what an interpreter that has begun no longer heeds
                [sys.executable, "-P", *program], env=environment, input=input, cwd=cwd, capture_output=True, text=True,
                timeout=60,
            )  # fmt: skip
        return completed(program, env=environment, cwd=cwd, input=input, imported=COMMANDS)

    return run


@pytest.fixture
def real_gentui(home: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command in a process of its own, which starts a trainer that trains, on one thread."""
    variables = {
        "GENTUI_HOME": str(home), "GENTUI_DATA": str(tmp_path / "data"), "TORCH_HOME": str(tmp_path / "torch"),
        "GENTUI_THREADS": "1", "OMP_NUM_THREADS": "1",
    }  # fmt: skip

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return completed(["-m", "gentui", *arguments], env={**os.environ, **variables}, imported=COMMANDS)

    return run


@pytest.fixture
def pretend(tmp_path: Path) -> Callable[..., str]:
    """A recipe file whose pretended training behaves as the keywords say."""

    def write(**plan: object) -> str:
        base = recipes.load("digits-unet").model_copy(update={"summary": json.dumps(plan)})
        path = tmp_path / "pretend.toml"
        path.write_text(base.to_toml())
        return str(path)

    return write


@pytest.fixture
def runs(home: Path) -> Callable[[], list[RunDir]]:
    return lambda: list_runs(home)
