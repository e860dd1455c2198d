"""A checkpoint of tensors on a GPU that is written beside training."""

from __future__ import annotations

import torch

from engine.runs.directory import RunDir
from engine.training import checkpoint
from engine.training.background_save import BackgroundSave
from tests.support.pretended_cuda import pretended_gpu


def test_the_loop_waits_for_no_copy(tmp_path):
    run = RunDir(tmp_path)
    run.checkpoints.mkdir()
    with pretended_gpu() as gpu:
        weight = torch.randn(3, 4, device="cuda:0")
        expected = weight.cpu()
        save = BackgroundSave(run, weight.device)
        for step in (1, 2):
            gpu.book.clear()
            save.begin(step, step, {"model": {"weight": weight}}, {"moments": [weight * 2]})
            assert not gpu.book.waits and gpu.book.operations["copy_"] == 2
            saved = save.ended(wait=True)
            assert saved is not None and saved.error is None
    assert torch.equal(checkpoint.load_weights(run)["model"]["weight"], expected)
    assert torch.equal(checkpoint.load_state(run)["moments"][0], expected * 2)
