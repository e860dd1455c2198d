"""Checkpoints written beside training hold what was at their step, whatever training has done since."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from engine.runs.directory import RunDir
from engine.training import background_save, checkpoint
from engine.training.background_save import SMALL, BackgroundSave, Saved


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    run = RunDir(tmp_path)
    run.checkpoints.mkdir()
    return run


@pytest.fixture
def gate(monkeypatch) -> threading.Event:
    """A write begins once it is set."""
    gate, save = threading.Event(), checkpoint.save

    def when_open(*arguments):
        assert gate.wait(60)
        return save(*arguments)

    monkeypatch.setattr(background_save.checkpoint, "save", when_open)
    return gate


def some_state() -> tuple[dict, dict]:
    last = torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    state = {
        "step": 7,
        "method": {"moments": {0: last, 1: torch.randn(3)}, "betas": (0.9, 0.99), "list": [last, "a"]},
    }
    return {"model": {"weight": torch.randn(3, 4)}}, state


def test_it_holds_what_was_at_its_step_and_is_noted_once(run, gate):
    weights, state = some_state()
    expected = weights["model"]["weight"].clone(), state["method"]["moments"][0].clone()
    save = BackgroundSave(run, torch.device("cpu"))
    save.begin(7, 56, weights, state)
    assert save.is_busy and save.ended() is None
    weights["model"]["weight"].zero_()
    state["method"]["moments"][0].zero_()
    gate.set()
    saved = save.ended(wait=True)
    assert saved is not None and (saved.step, saved.images, saved.error) == (7, 56, None) and saved.size > 0
    assert not save.is_busy and save.ended(wait=True) is None
    stored, stored_state = checkpoint.load(run)
    assert torch.equal(stored["model"]["weight"], expected[0])
    assert torch.equal(stored_state["method"]["moments"][0], expected[1])
    assert stored_state["method"]["betas"] == (0.9, 0.99) and stored_state["method"]["list"][1] == "a"


@pytest.fixture
def copying(monkeypatch) -> threading.Event:
    """What need not be copied at once is copied once it is set."""
    gate, complete = threading.Event(), background_save._Copy.complete

    def when_open(copy):
        assert gate.wait(60)
        complete(copy)

    monkeypatch.setattr(background_save._Copy, "complete", when_open)
    return gate


def test_an_optimizer_waits_for_the_copy_of_what_it_changes(run, copying):
    net = torch.nn.Linear(100, SMALL // 100 + 1)
    optimizer = torch.optim.Adam(net.parameters())
    before = net.weight.detach().clone()
    save = BackgroundSave(run, torch.device("cpu"))
    save.begin(1, 8, {"model": net.state_dict()}, {"optimizer": optimizer.state_dict()})
    net(torch.randn(8, 100)).square().mean().backward()
    step = threading.Thread(target=optimizer.step)
    step.start()
    step.join(0.1)
    assert step.is_alive() and torch.equal(net.weight, before)
    copying.set()
    step.join()
    assert not torch.equal(net.weight, before)
    saved = save.ended(wait=True)
    assert saved is not None and not saved.is_torn and saved.size
    assert torch.equal(checkpoint.load_weights(run)["model"]["weight"], before)


def test_what_a_forward_pass_changes_is_copied_before_it(run, copying):
    net = torch.nn.BatchNorm1d(SMALL)
    weights = net.state_dict()
    expected = {name: tensor.clone() for name, tensor in weights.items()}
    save = BackgroundSave(run, torch.device("cpu"))
    save.begin(1, 8, {"model": weights}, {"step": 1}, net.buffers())
    net(torch.randn(8, SMALL) + 3)
    copying.set()
    saved = save.ended(wait=True)
    assert saved is not None and not saved.is_torn
    stored = checkpoint.load_weights(run)["model"]
    assert all(torch.equal(stored[name], tensor) for name, tensor in expected.items())


def test_a_copy_that_was_changed_meanwhile_is_thrown_away_and_the_next_is_made_at_once(run, copying):
    weights = {"model": {"weight": torch.zeros(SMALL)}}
    save = BackgroundSave(run, torch.device("cpu"))
    save.begin(1, 8, weights, {"step": 1})
    weights["model"]["weight"] += 1  # by no optimiser
    copying.set()
    assert save.ended(wait=True) == Saved(1, 8, is_torn=True)
    assert not checkpoint.exists(run)
    copying.clear()
    save.begin(2, 16, weights, {"step": 2})
    weights["model"]["weight"] += 1
    copying.set()
    saved = save.ended(wait=True)
    assert saved is not None and not saved.is_torn
    assert torch.equal(checkpoint.load_weights(run)["model"]["weight"], torch.ones(SMALL))


def test_the_layout_in_memory_is_kept(run):
    weights, state = some_state()
    save = BackgroundSave(run, torch.device("cpu"))
    for step in (1, 2):
        save.begin(step, step, weights, state)
        assert save.ended(wait=True) is not None
        moments = checkpoint.load_state(run)["method"]["moments"][0]
        assert moments.is_contiguous(memory_format=torch.channels_last)


def test_a_full_disk_is_told_and_the_checkpoint_before_stays(run, monkeypatch):
    save = BackgroundSave(run, torch.device("cpu"))
    save.begin(1, 1, *some_state())
    assert save.ended(wait=True) is not None

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(background_save.checkpoint, "save", full)
    save.begin(2, 2, *some_state())
    saved = save.ended(wait=True)
    assert isinstance(saved, Saved) and saved.error is not None and saved.error.errno == 28
    assert checkpoint.step_of(run) == 1


def test_any_other_error_is_raised_where_training_is(run, monkeypatch):
    monkeypatch.setattr(background_save.checkpoint, "save", lambda *_: 1 / 0)
    save = BackgroundSave(run, torch.device("cpu"))
    save.begin(1, 1, *some_state())
    with pytest.raises(ZeroDivisionError):
        save.ended(wait=True)
    assert not save.is_busy
