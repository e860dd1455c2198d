"""Speed of training and of logging: ``python tests/benchmarks/bench_engine.py [training] [logging]``.

One line per figure. Every ratio is of two things measured in turn within this one process, on real
Fashion-MNIST where it is installed (random images of its size elsewhere: the speed is the same).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torch.utils.flop_counter import FlopCounterMode

from engine import devices
from engine.data.batch import Batch
from engine.data.conditions import Conditions
from engine.data.dataset import Dataset, Split, open_dataset
from engine.methods.building import build_method
from engine.methods.diffusion import EDM
from engine.recipes.recipe import load
from engine.runs.directory import RunDir, State
from engine.runs.events import EventWriter
from engine.training.loop import Trainer
from engine.training.metric_buffer import MetricBuffer
from engine.training.stop_signal import StopSignal

ROUNDS, STEPS = 9, 4


class PerImage(TorchDataset):
    """What most scripts do: one image at a time, converted when asked for."""

    def __init__(self, split: Split):
        self.split = split

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        label = int(self.split.labels[i]) if self.split.labels is not None else 0
        return self.split.images[i].float() / 127.5 - 1, label


def plain_loop(recipe, dataset: Dataset) -> Callable[[int], None]:
    """A plain fp32 loop: the same net and loss, DataLoader, Adam, ``loss.item()`` each step."""
    method = build_method(
        recipe.with_values({"train.channels_last": False, "train.ema": 0.0}),
        torch.device("cpu"),
        Conditions.of(dataset),
    )
    assert isinstance(method, EDM)
    optimizer = torch.optim.Adam(method.net.parameters(), lr=1e-3)
    loader = DataLoader(PerImage(dataset.train), batch_size=64, shuffle=True, drop_last=True)
    batches = iter(loader)

    def run(steps: int) -> None:
        for _ in range(steps):
            images, labels = next(batches)
            optimizer.zero_grad()
            loss, _ = method.loss(method.net, Batch(images, labels))
            loss.backward()
            optimizer.step()
            loss.item()

    return run


class PlainProcess:
    """The plain loop in a process of its own, so that nothing the engine sets helps or hinders it."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, __file__, "plain"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, steps: int) -> float:
        """Seconds that ``steps`` steps took."""
        assert self._child.stdin is not None and self._child.stdout is not None
        print(steps, file=self._child.stdin, flush=True)
        return float(self._child.stdout.readline())

    def close(self) -> None:
        self._child.communicate()


def plain() -> None:
    """Serve ``PlainProcess``: a number of steps in, seconds out."""
    recipe = load("fashion-wide-noise")
    run = plain_loop(recipe, open_dataset(recipe.data))
    for line in sys.stdin:
        print(seconds(run, int(line)), flush=True)


def engine_loop(recipe, home: Path) -> tuple[Callable[[int], None], Trainer]:
    """The trainer as a run uses it: data on the device, metrics, average, the precision the probe chooses."""
    run = RunDir.create(home, recipe.to_toml(), {"recipe": recipe.name}, State())
    trainer = Trainer(run, recipe, torch.device("cpu"), EventWriter(run.events_path(1)), StopSignal())
    trainer.prepare(resume=False)
    trainer.saver.restart_clock()

    def run_steps(steps: int) -> None:
        for _ in range(steps):
            trainer._train_step()

    return run_steps, trainer


def seconds(work: Callable[[int], None], n: int) -> float:
    start = time.perf_counter()
    work(n)
    return time.perf_counter() - start


def matmul_flops(dtype: torch.dtype, lasting: float, size: int = 2048) -> float:
    """FLOP/s of square matrix products kept up for about ``lasting`` seconds, as long as the training beside it."""
    a, b = torch.randn(size, size, dtype=dtype), torch.randn(size, size, dtype=dtype)
    torch.mm(a, b)
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < lasting:
        torch.mm(a, b)
        done += 1
    return 2 * size**3 * done / (time.perf_counter() - start)


def training() -> None:
    devices.set_up(torch.device("cpu"))
    recipe = load("fashion-wide-noise").with_values({"evaluate.times": 0, "train.steps": 10**6})
    with tempfile.TemporaryDirectory() as folder:
        engine, trainer = engine_loop(recipe, Path(folder))
        plain_steps = PlainProcess()
        batch = trainer.steps.batches.at(0)
        with FlopCounterMode(display=False) as counter:
            trainer.steps.method.probe_gradient(batch)
        flops = counter.get_total_flops()
        dtype = torch.bfloat16 if trainer.steps.method.precision == "bf16" else torch.float32
        engine(1)
        plain_steps(1)
        ratios, shares, speeds = [], [], []
        for _ in range(ROUNDS):
            fast = seconds(engine, STEPS)
            peak = matmul_flops(dtype, fast)
            slow = plain_steps(STEPS)
            ratios.append(slow / fast)
            shares.append(flops * STEPS / fast / peak)
            speeds.append(64 * STEPS / fast)
        plain_steps.close()
    print(f"engine images/s over a plain fp32 loop, fashion-wide-noise, batch 64: {statistics.median(ratios):.2f} "
          f"({statistics.median(speeds):.0f} images/s in {trainer.steps.method.precision}; "
          f"{_range(ratios)})")  # fmt: skip
    print(f"achieved FLOP/s over matmul peak in {trainer.steps.method.precision}: {statistics.median(shares):.2f} "
          f"({flops / 1e9:.0f} GFLOP a step; {_range(shares)})")  # fmt: skip


def logging(steps: int = 20_000) -> None:
    from torch.utils.tensorboard import SummaryWriter

    names = ["loss", "grad_norm", "lr", "mse", "kl"]
    values = {name: torch.tensor(0.5) for name in names}

    with tempfile.TemporaryDirectory() as folder:
        log = MetricBuffer(EventWriter(Path(folder) / "events-1.jsonl"))
        board = SummaryWriter(folder)

        def ours(n: int) -> list[float]:
            costs = []
            for step in range(n):
                start = time.perf_counter()
                if log.log(step, step * 64, values):
                    log.flush()
                costs.append(time.perf_counter() - start)
            return costs

        def theirs(n: int) -> list[float]:
            costs = []
            for step in range(n):
                start = time.perf_counter()
                for name, value in values.items():
                    board.add_scalar(name, value, step)
                costs.append(time.perf_counter() - start)
            return costs

        ours(100)
        theirs(100)
        a, b = ours(steps), theirs(steps // 10)
        board.close()
    median, mean = statistics.median(a) * 1e6, statistics.fmean(a) * 1e6
    other, other_mean = statistics.median(b) * 1e6, statistics.fmean(b) * 1e6
    print(f"logging one step of 5 scalars: median {median:.2f} µs, mean with the flushes {mean:.1f} µs")
    print(f"logging over TensorBoard's SummaryWriter: median {median / other:.4f}, mean {mean / other_mean:.3f} "
          f"(SummaryWriter: median {other:.0f} µs, mean {other_mean:.0f} µs)")  # fmt: skip


def _range(values: list[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f} over {len(values)} rounds"


if __name__ == "__main__":
    torch.manual_seed(0)
    chosen = sys.argv[1:] or ["training", "logging"]
    for name in chosen:
        {"training": training, "logging": logging, "plain": plain}[name]()
