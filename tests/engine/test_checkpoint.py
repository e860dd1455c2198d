"""Reading a checkpoint while the trainer goes on writing, pointing and discarding."""

from __future__ import annotations

import threading

import pytest
import torch

from engine import checkpoint
from engine.rundir import RunDir, State


@pytest.fixture
def run(tmp_path) -> RunDir:
    return RunDir.create(tmp_path, "", {}, State())


def write(run: RunDir, step: int) -> None:
    nets = {name: {"step": torch.full((64,), float(step))} for name in ("generator", "discriminator", "probe")}
    checkpoint.save(run, step, nets, {"step": step}, ["last"])


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
