"""Sampling from a run in training never disturbs it: of two trainings of one seed, one is drawn from all the while."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.inference import sample
from engine.inference import server as serving
from engine.inference.loading import ExitWithMessage
from engine.runs.directory import RunDir
from engine.training import checkpoint
from tests.support.engine import assert_same, comparable, events, finish, trainer
from tests.support.processes import Forked
from tests.support.serving import Served, command
from tests.support.waiting import wait_for

LASTS = {"train__steps": 40, "train__checkpoint_minutes": 1e-5, "sample__times": 1, "evaluate__times": 1}


def listing(run: RunDir) -> set[str]:
    """Every file of a run by its name; a checkpoint's directory by what is in it."""
    return {str(path.relative_to(run.path)) for path in run.path.rglob("*")}


def stamps(*paths: Path) -> list[tuple[int, int]]:
    return [(path.stat().st_mtime_ns, path.stat().st_ino) for path in paths]


def learnt(run: RunDir) -> dict[str, Any]:
    """What the events say of the training itself, not of how long it took."""
    return {
        "metrics": [
            (e["step"], [e["values"][key] for key in ("loss", "lr", "grad_norm")])
            for e in events(run, "metrics")
            if "loss" in e["values"]  # the signals of a visit have a record of their own
        ],
        "scores": [(e["step"], e["metric"], e["value"]) for e in events(run, "evaluation")],
        "pictures": [(e["step"], (run.path / e["path"]).read_bytes()) for e in events(run, "sample")],
        "alerts": [(e["step"], e["name"]) for e in events(run, "alert")],
    }


def open_files(pid: int, folder: Path) -> list[str]:
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(str(entry.readlink()))
        except OSError:
            continue
    return [path for path in found if path.startswith(str(folder))]


@contextmanager
def halted(process: Forked) -> Iterator[None]:
    """Its training stands still for as long as this lasts."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def test_drawing_from_a_run_in_training_changes_nothing_of_it(make_run, tmp_path):
    alone, watched = make_run(**LASTS), make_run(**LASTS)
    still = [watched.recipe_path, watched.info_path, watched.state_path, watched.lock_path]
    before = stamps(*still)
    served = Served(watched)  # ready before the training begins
    processes = [trainer(watched), trainer(alone)]
    steps: list[int] = []

    def draw() -> int:
        asked = ("--n=1", "--steps=1", "--checkpoint=last")
        served.ask(id=1, arguments=asked)
        command(watched, tmp_path / "drawn.npy", *asked)
        answer, _ = served.until_answered()
        assert "error" not in answer, answer
        return answer["step"]

    try:
        wait_for(lambda: checkpoint.exists(watched), "the first checkpoint", interval=0.005)
        with halted(processes[0]):
            steps.append(draw())
        while processes[0].poll() is None:
            steps.append(draw())
        for process in processes:
            code, output = finish(process)
            assert code == 0, output
        assert steps[0] < LASTS["train__steps"] and steps == sorted(steps), "it was drawn from while it trained"
        assert stamps(*still) == before
        assert not watched.is_alive() and not open_files(served.process.pid, watched.path)
        assert listing(watched) == listing(alone)
        assert_same(comparable(alone), comparable(watched))
        assert learnt(alone) == learnt(watched)
    finally:
        for process in processes:
            process.kill()
        served.close()


def test_a_device_without_memory_left_is_told_in_a_sentence(make_run, tmp_path, monkeypatch, capsys):
    """And no memory is kept that the trainer beside it may need."""

    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nGPU 0 has …")

    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(serving, "send", lambda **fields: sent.append(fields))
    monkeypatch.setattr(serving.Server, "_load", lambda self, which: None)
    monkeypatch.setattr(serving, "draw", full)
    given_back: list[bool] = []
    monkeypatch.setattr(serving, "release_unused_memory", lambda: given_back.append(True))
    run = make_run()
    folder = tmp_path / "pictures"
    folder.mkdir()
    server = serving.Server(run, "cuda:0", folder)
    server.answer({"id": 7, "arguments": ["--n=64"]})
    (answer,) = sent
    assert answer["id"] == 7 and "\n" not in answer["error"]
    assert "cuda:0 has no memory left" in answer["error"] and "fewer images" in answer["error"] and given_back

    monkeypatch.setattr(sample, "load_or_exit", lambda *_: None)
    monkeypatch.setattr(sample, "draw", full)
    with pytest.raises(ExitWithMessage) as left:
        sample.main([str(run.path), "--device", "cuda:0", "--out", str(tmp_path / "a.png")])
    assert left.value.code == 4 and "no memory left" in capsys.readouterr().err
