"""What sharing a run between processes gains and costs on a CPU: ``python -m tests.benchmarks.bench_ranks``.

One line a figure. Each process trains with one thread; the two kinds of run take turns, and each figure is the median
of ROUNDS. Images/s are those of the trainer's log, without its first steps.

- ``gain``: images/s of two ranks over those of one process, for a wider ``digits-unet`` and for it as it is.
- ``alone``: training steps of one process over those of another checkout, given as an argument.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from engine.recipes.recipe import load
from engine.runs.directory import RunDir, State
from engine.runs.events import iter_events

ROUNDS = 3
KINDS = {
    "digits-unet, 64 channels, batch 64": ("digits-unet", {"model.channels": 64, "train.steps": 24}),
    "digits-unet, batch 64": ("digits-unet", {"train.steps": 240}),
}
FIXED = {"train.precision": "fp32", "evaluate.times": 0, "sample.times": 1, "health.alarms": False}


def images_per_s(kind: str, *arguments: str, tree: str = "") -> float:
    """The speed of a run of this kind, between a third of its steps and the last."""
    name, values = KINDS[kind]
    with tempfile.TemporaryDirectory() as home:
        recipe = load(name).with_values({**FIXED, **values})
        run = RunDir.create(Path(home), recipe.to_toml(), {"recipe": name}, State())
        subprocess.run(
            [sys.executable, "-P", "-m", "engine", str(run.path), "--device", "cpu", *arguments], check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "GENTUI_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": tree},
        )  # fmt: skip
        steps = [event for event in iter_events(run.events_path(1)) if event["kind"] == "metrics"]
    first, last = steps[len(steps) // 3], steps[-2]
    return (last["images"] - first["images"]) / (last["mono"] - first["mono"])


def gain() -> None:
    for kind in KINDS:
        pairs = [(images_per_s(kind), images_per_s(kind, "--devices", "2")) for _ in range(ROUNDS)]
        ratio = statistics.median(two / one for one, two in pairs)
        print(f"images/s of two ranks over one process, {kind}: {ratio:.2f} ({pairs[-1][0]:.0f} alone)")


def alone(other: str) -> None:
    for kind in KINDS:
        pairs = [(images_per_s(kind), images_per_s(kind, tree=other)) for _ in range(ROUNDS)]
        print(f"images/s of one process over those of {other}, {kind}: "
              f"{statistics.median(now / then for now, then in pairs):.2f}")  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) > 1:
        alone(sys.argv[1])
    else:
        gain()
