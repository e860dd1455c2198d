"""The training state keeps the keys of checkpoints that exist, and reads those of earlier versions."""

from __future__ import annotations

import pytest
import torch

from engine.health.curves import DiscriminatorWins
from engine.settings.health import Health
from engine.training.checkpoint import CheckpointError
from engine.training.state import TrainingState

STORED = {
    "threads": 1, "ranks": 2, "device": "cpu", "precision": {"precision": "fp32", "reason": "as the recipe says"},
    "conditions": {}, "method": {"optimizer": {}}, "step": 3, "images": 96,
    "epoch_loss": torch.zeros((), dtype=torch.float64), "epoch_steps": 3, "sampled_at": 2, "scored_at": 2,
    "looked_at": 2, "best": None, "health": {"raised": {}, "watchers": {}}, "rng": {"cpu": torch.get_rng_state()},
}  # fmt: skip


def test_the_stored_dictionary_is_read_and_written_unchanged():
    assert TrainingState.from_stored(STORED).to_stored() == STORED
    assert list(TrainingState.from_stored(STORED).to_stored()) == list(STORED)


def test_a_checkpoint_of_before_health_was_watched_is_read():
    early = {key: value for key, value in STORED.items() if key not in ("looked_at", "health")}
    state = TrainingState.from_stored(early)
    assert state.looked_at == 0 and state.health == {"raised": {}, "watchers": {}}


def test_a_checkpoint_of_before_ranks_is_of_one_process():
    assert TrainingState.from_stored({k: v for k, v in STORED.items() if k != "ranks"}).ranks == 1


def test_keys_of_a_later_version_are_ignored():
    assert TrainingState.from_stored({**STORED, "later": 1}).step == 3


def test_a_missing_key_is_named():
    with pytest.raises(CheckpointError, match="lacks rng, step"):
        TrainingState.from_stored({key: value for key, value in STORED.items() if key not in ("step", "rng")})


def test_a_renamed_attribute_of_a_watcher_keeps_its_stored_key():
    watcher = DiscriminatorWins(Health())
    watcher.observe(1, {"d_accuracy": 0.75, "loss_d_real": 1.0, "loss_d_fake": 1.0})
    assert watcher.state() == {"first": 2.0, "shares": [1.0], "told": [0.75]}
    again = DiscriminatorWins(Health())
    again.load_state(watcher.state())
    assert again.state() == watcher.state() and again.accuracies.maxlen == 40
