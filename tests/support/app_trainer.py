"""Stands in for the trainer: a few steps with a falling loss, a grid, a score; stops politely on SIGTERM."""

from __future__ import annotations

import signal
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
from PIL import Image

from engine.runs.events import EventWriter

run, attempt = Path(sys.argv[1]), int(sys.argv[sys.argv.index("--attempt") + 1])
recipe = tomllib.loads((run / "recipe.toml").read_text())
steps = int(recipe["train"].get("steps", 400))
stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
writer = EventWriter(run / f"events-{attempt}.jsonl")
writer.emit("status", step=0, images=0, status="started", reason="", total_steps=steps, device="cpu")
print("training", flush=True)
for step in range(1, steps + 1):
    writer.emit("metrics", step=step, images=step * 128, values={"loss": 1 / step, "images_per_s": 1000.0})
    if step == 5:
        Image.fromarray(np.tile(np.arange(0, 240, 3, dtype=np.uint8), (64, 1))).save(run / "samples/000005.png")
        writer.emit(
            "sample", step=5, images=640, path="samples/000005.png", rows=8, columns=10, caption="digits"
        )
    if stopped:
        writer.emit("status", step=step, images=step * 128, status="stopped", reason="")
        sys.exit(0)
    time.sleep(0.02)
writer.emit("status", step=steps, images=steps * 128, status="done", reason="")
