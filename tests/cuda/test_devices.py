"""What a device is called, and where that leads: ``cuda`` alone means ``cuda:0``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from engine import devices
from engine.data.ahead import Ahead, Rows
from engine.data.batches import Batches
from engine.data.dataset import Split
from engine.inference import evaluate, sample, statistics
from engine.runs.directory import RunDir
from tests.support.device_runs import attempt, device_run
from tests.support.engine import events
from tests.support.pretended_cuda import pretended_gpu


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    with pretended_gpu() as gpu:
        run = device_run(
            tmp_path_factory.mktemp("home"), "digits-cfg", train__precision="fp32", evaluate__times=0
        )
        assert attempt(run, gpu).code == 0
    return run


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "auto"])
def test_the_first_gpu_has_one_name(gpu, name):
    assert str(devices.choose_device(name)) == "cuda:0"
    assert (
        devices.set_up(devices.choose_device(name), threads=1) == 1
    )  # torch refuses a device without an index


@pytest.mark.parametrize(
    ("name", "said"),
    [("cuda:1", "torch sees 1 CUDA devices here"), ("gpu", "say cpu, cuda:K or auto"), ("cuda:x", "say cpu")],
)
def test_a_device_that_does_not_exist_is_refused_in_a_sentence(gpu, name, said, tmp_path, trained, capsys):
    with pytest.raises(devices.DeviceError, match=said):
        devices.choose_device(name)
    ended = attempt(device_run(tmp_path, "digits-vae"), gpu, device=name)
    assert ended.code == 4 and said in ended.end["reason"]
    with pytest.raises(SystemExit) as left:
        sample.main([str(trained.path), "--device", name, "--out", str(tmp_path / "a.png")])
    assert left.value.code == 4 and said in capsys.readouterr().err


def test_batches_come_to_the_device_whatever_it_is_called(gpu):
    images = torch.arange(40, dtype=torch.uint8).view(10, 1, 2, 2)
    batches = Batches(Split(images, torch.arange(10)), 4, "cuda", seed=1)
    here = Batches(Split(images, torch.arange(10)), 4, "cpu", seed=1)
    gpu.book.clear()
    for step in range(5):
        batch = batches.at(step)
        assert str(batch.images.device) == str(batches.device) == "cuda:0"
        with gpu.book.aside():
            assert torch.equal(batch.images.cpu(), here.at(step).images)
    assert not gpu.book.waits


def test_data_that_do_not_fit_are_sent_batch_by_batch_without_waiting():
    images = torch.arange(40, dtype=torch.uint8).view(10, 1, 2, 2)
    with pretended_gpu(("small", (9, 0), 100)) as gpu:
        batches = Batches(Split(images, torch.arange(10)), 4, "cuda", seed=1)
        batch = batches.at(0)
        assert str(batch.images.device) == "cuda:0" and not gpu.book.waits


def test_a_run_is_drawn_from_and_scored_on_cuda_as_on_the_processor(trained, tmp_path, capsys):
    drawn = {}
    with pretended_gpu():
        for device in ("cuda", "cpu"):
            path = tmp_path / f"{device}.npy"
            assert sample.main([str(trained.path), "--device", device, "--n", "3", "--out", str(path)]) == 0
            drawn[device] = np.load(path)
        assert evaluate.main([str(trained.path), "--device", "cuda", "--samples", "16", "--json"]) == 0
        scores = json.loads(capsys.readouterr().out)
        path = tmp_path / "real.npz"
        assert statistics.main(["digits-cfg", str(path), "--device", "cuda", "--split", "test"]) == 0
    assert np.array_equal(drawn["cuda"], drawn["cpu"])
    assert scores and path.exists()
    assert {event["device"] for event in events(trained, "status") if "device" in event} == {"cuda:0"}


@pytest.mark.parametrize("sampler", ["heun", "euler", "dpm++", "ddim", "ddpm"])
def test_every_sampler_draws_on_the_gpu_what_it_draws_on_the_processor(trained, tmp_path, sampler):
    drawn = {}
    with pretended_gpu() as gpu:
        for device in ("cuda:0", "cpu"):
            path = Path(tmp_path / f"{device}.npy")
            gpu.book.clear()
            arguments = [
                "--device",
                device,
                "--sampler",
                sampler,
                "--steps",
                "3",
                "--n",
                "3",
                "--out",
                str(path),
            ]
            assert sample.main([str(trained.path), *arguments]) == 0
            drawn[device] = np.load(path)
            assert bool(gpu.book.operations) == (device != "cpu")
    assert np.array_equal(drawn["cuda:0"], drawn["cpu"])


def test_a_batch_is_copied_while_the_one_before_trains_and_its_buffer_is_filled_after_that(monkeypatch):
    """The order of events on the device's streams, as the engine asks for it."""
    order: list[str] = []

    class Event:
        made = 0

        def __init__(self) -> None:
            self.name = f"copy {Event.made}"
            Event.made += 1

        def record(self, stream: object) -> None:
            order.append(f"{self.name} begun")

        def synchronize(self) -> None:
            order.append(f"{self.name} over")

    class Stream:
        def __init__(self, device: object):
            pass

        def wait_event(self, event: Event) -> None:
            order.append(f"training waits for {event.name}")

    def rows(step: int) -> Rows:
        order.append(f"rows {step}")
        return [(torch.arange(100), torch.tensor([step]))]

    with pretended_gpu() as gpu:
        monkeypatch.setattr(torch.cuda, "Event", Event)
        monkeypatch.setattr(torch.cuda, "Stream", Stream)
        monkeypatch.setattr(torch.cuda, "current_stream", Stream)
        ahead = Ahead(rows, torch.device("cuda:0"))
        for step in range(6):
            (batch,) = ahead.at(step)
            assert f"copy {step + 1} begun" in order
            with gpu.book.aside():
                assert str(batch.device) == "cuda:0" and batch.cpu().item() == step
        assert not gpu.book.waits
    for step in range(2, 6):
        assert order.index(f"copy {step - 2} begun") < order.index(f"copy {step - 2} over")
        assert order.index(f"copy {step - 2} over") < order.index(f"copy {step} begun")
        assert order.index(f"copy {step} begun") < order.index(f"training waits for copy {step}")
