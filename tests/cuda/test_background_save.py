"""A checkpoint of tensors on a GPU that is written beside training."""

from __future__ import annotations

import torch

from engine.runs.directory import RunDir
from engine.training import checkpoint
from engine.training.background_save import SMALL, BackgroundSave
from tests.support.pretended_cuda import pretended_gpu


def test_the_training_stream_waits_for_the_copy_where_an_optimizer_steps(tmp_path, monkeypatch):
    run = RunDir(tmp_path)
    run.checkpoints.mkdir()
    with pretended_gpu() as gpu:
        order: list[str] = []

        class Stream(torch.cuda.Stream):  # type: ignore[misc, valid-type]
            def wait_stream(self, stream):
                order.append(f"wait after {gpu.book.operations['copy_']} copies")

        monkeypatch.setattr(torch.cuda, "Stream", Stream)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None: Stream())
        net = torch.nn.Linear(100, SMALL // 100 + 1, device="cuda:0")
        optimizer = torch.optim.SGD(net.parameters())
        save = BackgroundSave(run, torch.device("cuda:0"))
        gpu.book.clear()
        save.begin(1, 1, {"model": net.state_dict()}, {"step": 1})
        # The side stream waits for training, then training for what is small, and not yet for the weight.
        assert order == ["wait after 0 copies", "wait after 1 copies"]
        assert gpu.book.operations["copy_"] == 2 and not gpu.book.waits
        for parameter in net.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        optimizer.step()
        assert order[2:] == ["wait after 2 copies"]
        saved = save.ended(wait=True)
        assert saved is not None and not saved.is_torn


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
