"""Reading a checkpoint while the trainer goes on writing, pointing and discarding."""

from __future__ import annotations

import os
import signal
import threading

import pytest
import torch

from engine.runs.directory import RunDir, State
from engine.training import checkpoint


@pytest.fixture
def run(tmp_path) -> RunDir:
    return RunDir.create(tmp_path, "", {}, State())


def write(run: RunDir, step: int, *kept: int) -> None:
    nets = {name: {"step": torch.full((64,), float(step))} for name in ("generator", "discriminator", "probe")}
    checkpoint.save(run, step, nets, {"step": step}, [*kept, "last"])


def test_what_is_read_is_always_one_whole_checkpoint(run):
    write(run, 0)
    written = threading.Event()

    def train() -> None:
        for step in range(1, 120):
            write(run, step)
        written.set()

    trainer = threading.Thread(target=train)
    trainer.start()
    seen = []
    while not written.is_set():
        weights, state = checkpoint.load(run)
        assert set(weights) == {"generator", "discriminator", "probe"}
        assert {float(net["step"][0]) for net in weights.values()} == {float(state["step"])}
        seen.append(state["step"])
    trainer.join()
    assert seen == sorted(seen) and len(set(seen)) > 1


def test_one_that_is_discarded_while_it_is_read_gives_way_to_the_next(run, monkeypatch):
    write(run, 1)
    real, steps = checkpoint.load_file, iter([2, 3])

    def slow(path):
        if (step := next(steps, None)) is not None:
            write(run, step)
        return real(path)

    monkeypatch.setattr(checkpoint, "load_file", slow)
    weights, state = checkpoint.load(run)
    assert state["step"] == 3 and weights["generator"]["step"][0] == 3
    assert sorted(path.name for path in run.checkpoints.iterdir()) == ["last", "step-000000003"]


def test_one_that_is_damaged_is_not_read_for_ever(run):
    write(run, 1)
    (checkpoint.resolve(run) / "probe.safetensors").write_bytes(b"not tensors")
    with pytest.raises(checkpoint.CheckpointError, match="cannot be read"):
        checkpoint.load(run)


def test_what_is_kept_stays_whatever_is_saved_after_it(run):
    for step in range(1, 8):
        write(run, step, *([step] if step in (2, 5) else []))
    assert run.kept_steps() == [2, 5] and run.available_checkpoints() == ["last", 2, 5]
    for step in (2, 5):
        weights, state = checkpoint.load(run, step)
        assert state["step"] == weights["probe"]["step"][0] == step
    assert len(list(run.checkpoints.iterdir())) == 3 + 3
    with pytest.raises(checkpoint.NoSuchStep, match="of step 3: choose last, 2 or 5"):
        checkpoint.load(run, 3)


@pytest.mark.parametrize(
    ("killed_in", "call", "last"),
    [("_point", 1, 1), ("_point", 2, 1), ("_discard_unreferenced", 1, 2)],
    ids=["before it is kept", "before it is the last", "before the one before goes"],
)
def test_a_kill_between_keeping_and_rotating_leaves_whole_checkpoints(run, monkeypatch, killed_in, call, last):
    write(run, 1)
    calls = iter(range(1, 9))
    real = getattr(checkpoint, killed_in)

    def kill(*arguments):
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        real(*arguments)

    monkeypatch.setattr(checkpoint, killed_in, kill)
    if (child := os.fork()) == 0:
        write(run, 2, 2)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    monkeypatch.undo()
    assert checkpoint.load(run)[1]["step"] == last
    assert checkpoint.is_kept(run, 2) == (last == 2)
    write(run, 2, 2)  # the resumed run comes by there again, or saves it at its next step
    write(run, 3)
    assert [checkpoint.load(run, which)[1]["step"] for which in (2, "last")] == [2, 3]
    assert sorted(path.name for path in run.checkpoints.iterdir() if path.is_symlink()) == [
        "kept-000000002",
        "last",
    ]
    assert sum(path.is_dir() and not path.is_symlink() for path in run.checkpoints.iterdir()) == 2
