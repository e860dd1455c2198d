"""Run directories as trainers leave them behind, written through the engine's own writers."""

from __future__ import annotations

import fcntl
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.recipes.recipe import load
from engine.runs.directory import RunDir, State
from engine.runs.events import EventWriter

PROTOCOL = "fid · digits-cnn@1a2b3c4d · train 1437 · n=500 · heun 18 · ema"


DIGITS_CAPTION = "one row for each class, one column for each noise"
DIGITS_LAYOUT = {
    "rows": 10, "columns": 8, "rows_are": "classes", "columns_are": "noises", "row_names": list("0123456789"),
}  # fmt: skip


def digit_tiles(rows: int = 10, columns: int = 8, side: int = 8, seed: int = 0) -> np.ndarray:
    """Pictures that look enough like digits to see that a grid is shown: uint8 rows,columns,side,side."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] - (side - 1) / 2
    tiles = np.zeros((rows, columns, side, side), np.uint8)
    for r in range(rows):
        for c in range(columns):
            radius = side / 3.2 + rng.normal(0, 0.1)
            ring = np.exp(-((np.hypot(x * (1 + r / 12), y) - radius * (1 - r / 25)) ** 2))
            bar = np.exp(-((x - (r - 4.5) / 3) ** 2)) * (r % 3 != 0)
            tiles[r, c] = np.clip(
                255 * np.maximum(ring * (r % 2 == 0), bar) + rng.normal(0, 8, (side, side)), 0, 255
            )
    return tiles


def grid_png(path: Path, tiles: np.ndarray, factor: int = 4, gap: int = 2) -> None:
    """A grid as the trainer saves it: enlarged by a whole factor, with grey gaps."""
    tiles = tiles.repeat(factor, axis=2).repeat(factor, axis=3)
    rows, columns, h, w = tiles.shape
    canvas = np.full((rows * (h + gap) + gap, columns * (w + gap) + gap), 128, np.uint8)
    for r in range(rows):
        for c in range(columns):
            top, left = gap + r * (h + gap), gap + c * (w + gap)
            canvas[top : top + h, left : left + w] = tiles[r, c]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(canvas).save(path)


def grid_gif(path: Path, frames: int, milliseconds: int = 20) -> None:
    """Grids as an animation, as the trainer saves its progress."""
    pictures = []
    for number in range(frames):
        grid_png(path.with_suffix(".png"), digit_tiles(seed=number))
        with Image.open(path.with_suffix(".png")) as picture:
            pictures.append(picture.copy())
    path.with_suffix(".png").unlink()
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0)


class Runs:
    """Makes runs in a home."""

    def __init__(self, home: Path):
        self.home = home
        self._locks: list[int] = []

    def let_go(self) -> None:
        while self._locks:
            os.close(self._locks.pop())

    def make(
        self,
        recipe: str = "digits-unet",
        status: str = "done",
        steps: int = 300,
        total: int = 300,
        *,
        name: str = "",
        quick: bool = False,
        reason: str = "",
        spikes: tuple[int, ...] = (),
        samples: int = 3,
        fid: float | None = 14.2,
        alerts: int = 0,
        log: bytes = b"probe: fp32 is fastest\nstep 100  loss 0.21\n",
        seed: int = 0,
    ) -> RunDir:
        """A run that has come to ``steps`` of ``total`` with the given status."""
        settings = load(recipe, quick=quick)
        now = time.time()
        state = State(status=status, reason=reason, attempt=1 if steps else 0, queued_at=now - 100)  # type: ignore[arg-type]
        if steps:
            ended = None if status in ("running", "queued") else now - 1
            state = state.with_(started_at=now - 90, slot="cpu", ended_at=ended, exit_code=0 if ended else None)
        info = {
            "name": name, "recipe": settings.name, "title": settings.title, "family": settings.family,
            "dataset": settings.dataset, "quick": quick, "stand_in_for": settings.stand_in_for, "seed": seed,
            "device": "auto", "command": ["gentui", "run", recipe], "versions": {}, "git": None, "host": "box",
            "created_at": now - 100, "total_steps": total,
            "reference": settings.reference.model_dump() if settings.reference else None,
        }  # fmt: skip
        run = RunDir.create(self.home, settings.to_toml(), info, state)
        run.log_path.write_bytes(log)
        if status == "running":  # a run is alive as long as somebody holds its lock
            self._locks.append(run.open_lock())
            fcntl.flock(self._locks[-1], fcntl.LOCK_EX)
        if steps:
            self.extend(run, 0, steps, total, spikes=spikes, samples=samples, fid=fid, alerts=alerts, seed=seed)
            if status == "done":
                self.event(run, "status", steps, status="done", reason="")
        return run

    def live(self, steps: int, total: int = 300, **made: Any) -> RunDir:
        """A run that trains, and was not scored yet."""
        return self.make(status="running", steps=steps, total=total, fid=None, **made)

    def event(self, run: RunDir, kind: Any, step: int, **fields: Any) -> None:
        writer = EventWriter(run.events_path(1))
        writer.emit(kind, step=step, images=step * 128, **fields)
        writer.close()

    def selection(self, run: RunDir, step: int, value: float, **told: Any) -> None:
        """A score on the one noise that selects the checkpoint."""
        self._score(run, step, value, noises=1, **{"role": "selection", "noise_seed": 7, **told})

    def report(self, run: RunDir, step: int, value: float, std: float = 0.22, **told: Any) -> None:
        """A score of one checkpoint on three other noises."""
        told = {"role": "report", "std": std, "over": "3 noises", "noise_seed": 0, **told}
        self._score(run, step, value, noises=3, **told)

    def _score(
        self, run: RunDir, step: int, value: float, *, noises: int, metric: str = "fid", **told: Any
    ) -> None:
        words = "1 noise" if noises == 1 else f"{noises} noises"
        detail = {"metric": metric, "extractor": "digits-cnn", "samples": 500, "dataset": "digits", "split": "train",
                  "split_size": 1437, "labels": "as in the data", "noises": noises, "precision": "fp32"}  # fmt: skip
        known = {"lower_is_better": True, "floor": 0.46, "floor_std": 0.03, "seconds": 4.1, "best": False}
        protocol = f"{metric}{PROTOCOL.removeprefix('fid')} · labels as in the data · {words} · fp32"
        self.event(
            run, "evaluation", step, metric=metric, value=value, protocol=protocol,
            protocol_id=f"{metric}-{noises}", protocol_detail=detail, **{**known, **told},
        )  # fmt: skip

    def film(self, run: RunDir, step: int, frames: int = 3) -> None:
        """The progress of a run so far, under its one path."""
        grid_gif(run.path / "figures" / "progress.gif", frames)
        self.event(run, "figure", step, name="progress", path="figures/progress.gif", caption=f"{frames} grids")

    def extend(
        self, run: RunDir, first: int, last: int, total: int = 300, *,
        spikes: tuple[int, ...] = (), samples: int = 0, fid: float | None = None, alerts: int = 0,
        seed: int = 0,
    ) -> None:  # fmt: skip
        """Steps first+1 … last of a run."""
        rng = np.random.default_rng(seed)
        writer = EventWriter(run.events_path(1))
        began = time.time() - 80
        stamp = lambda kind, step, **f: {  # noqa: E731
            "kind": kind, "t": began + step * 0.05, "mono": step * 0.05, "step": step, "images": step * 128, **f
        }  # fmt: skip
        records = []
        if first == 0:
            records.append(
                stamp("status", 0, status="started", reason="", total_steps=total, total_images=total * 128,
                      steps_per_epoch=11, device="cpu", precision="fp32", parameters=1012345)
            )  # fmt: skip
        for step in range(first + 1, last + 1):
            loss = 0.9 * math.exp(-step / 60) + 0.11 + rng.normal(0, 0.02)
            loss = math.nan if step in spikes else loss
            values = {"loss": loss, "lr": 2e-3 * (1 - step / total), "grad_norm": 1 + rng.exponential(0.3)}
            records.append(stamp("metrics", step, values={**values, "images_per_s": 2500 + rng.normal(0, 20)}))
        for i in range(samples):
            step = max(1, last * (i + 1) // samples)
            path = f"samples/{step:06d}.png"
            grid_png(run.path / path, digit_tiles(seed=i))
            records.append(stamp("sample", step, path=path, caption=DIGITS_CAPTION, **DIGITS_LAYOUT))
        if samples:
            grid_png(run.path / "figures" / f"strip-{last:06d}.png", digit_tiles(4, 8))
            records.append(
                stamp(
                    "figure", last, name="strip", path=f"figures/strip-{last:06d}.png", caption="noise to image"
                )
            )
        if fid is not None:
            for i, factor in enumerate((3.0, 1.0)):
                records.append(
                    stamp("evaluation", last * (i + 1) // 2, metric="fid", value=fid * factor,
                          lower_is_better=True, protocol=PROTOCOL, protocol_id="0badcafe", floor=1.9,
                          seconds=4.1, best=True,
                          protocol_detail={"metric": "fid", "extractor": "digits-cnn", "samples": 500,
                                           "dataset": "digits", "split": "train", "split_size": 1437})
                )  # fmt: skip
        for i in range(alerts):
            records.append(
                stamp("alert", last - i, severity="warning", name="divergence", sentence="The loss is rising.",
                      cause="the learning rate is too high", remedy="try -o optim.lr=1e-3")
            )  # fmt: skip
        writer.emit_many(records)
        writer.close()
