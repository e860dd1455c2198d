"""What live charts cost: bytes to the terminal, share of a core, silence when nothing happens, and a redraw of a long
series.

    python tests/benchmarks/bench_charts.py [--seconds 20] [--points 1000000]

Prints one line per figure, with its target. The app runs in a pty of 160×50 with six charts of a run that logs twenty
steps a second; the redraw is from the question to the index to the last cell of the chart, in one process.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import math
import os
import random
import select
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.recipes.recipe import load
from engine.runs.directory import RunDir, State
from engine.runs.events import EventWriter
from tests.benchmarks.pty_app import PtyApp

METRICS = ("loss", "grad_norm", "lr", "images_per_s", "signal_a", "signal_b")
COLUMNS, ROWS, A_SECOND = 160, 50, 20


class Trainer:
    """A run that logs without training."""

    def __init__(self, home: Path):
        recipe = load("digits-unet")
        info = {
            "name": "", "recipe": recipe.name, "title": recipe.title, "family": recipe.family,
            "dataset": recipe.dataset, "quick": False, "stand_in_for": None, "seed": 0, "device": "auto",
            "command": ["gentui"], "versions": {}, "git": None, "host": "box", "created_at": time.time(),
            "total_steps": 100_000, "reference": None,
        }  # fmt: skip
        state = State(status="running", attempt=1, started_at=time.time(), slot="cpu")  # type: ignore[arg-type]
        self.run = RunDir.create(home, recipe.to_toml(), info, state)
        self.lock = self.run.open_lock()
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.writer = EventWriter(self.run.events_path(1))
        self.step = 0
        self.writer.emit("status", step=0, images=0, status="started", reason="", total_steps=100_000,
                         total_images=12_800_000, steps_per_epoch=500, device="cpu", precision="fp32",
                         parameters=1)  # fmt: skip

    def log(self, steps: int) -> None:
        for _ in range(steps):
            self.step += 1
            values = {name: math.exp(-self.step / 900) + random.gauss(0, 0.05) + 0.2 for name in METRICS}
            self.writer.emit("metrics", step=self.step, images=self.step * 128, values=values)

    def end(self) -> None:
        self.writer.emit("status", step=self.step, images=0, status="done", reason="")
        self.writer.close()
        self.run.write_state(State(status="done", attempt=1, slot="cpu", exit_code=0, ended_at=time.time()))  # type: ignore[arg-type]
        os.close(self.lock)


class App(PtyApp):
    """gentui in a pty, all that it writes."""

    def __init__(self, home: Path):
        self.raw = b""
        super().__init__(home, COLUMNS, ROWS, "none")

    def read(self, seconds: float) -> int:
        """How many bytes are written in that time."""
        count, deadline = 0, time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                data = os.read(self.fd, 1 << 16)
                count += len(data)
                self.raw += data
        return count

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())


def live(home: Path, seconds: float) -> None:
    trainer = Trainer(home)
    trainer.log(2000)
    app = App(home)
    try:
        app.read(4)
        for key in ("4", ">", ">"):
            app.press(key)
            app.read(1.5)
        app.read(2)
        cpu, began, count = app.cpu(), time.monotonic(), 0
        while time.monotonic() - began < seconds:
            trainer.log(A_SECOND)
            count += app.read(1.0)
        took = time.monotonic() - began
        if missing := [name for name in METRICS if name.encode() not in app.raw]:
            raise SystemExit(f"not every chart is in sight: {', '.join(missing)}")
        print(f"six live charts at {COLUMNS}×{ROWS}, 1 Hz: {count / took / 1000:.1f} KB/s (target 16)")
        print(f"six live charts: {100 * (app.cpu() - cpu) / took:.1f} % of a core (target 15)")
        trainer.end()
        while app.read(8):  # the notice that it has ended comes and goes
            pass
        print(f"idle: {app.read(10) / 10:.1f} bytes/s (target 0)")
    finally:
        app.end()


def redraw(home: Path, points: int) -> None:
    """A series of so many points, from the index to the cells, whole and zoomed."""
    import numpy as np
    from textual.app import App as Textual

    from gentui.index import Index, pyramid
    from gentui.tui.curves import ChartStyle, Curve
    from gentui.tui.themes import curve_colours
    from gentui.tui.widgets.chart import Chart

    trainer = Trainer(home)
    trainer.log(10)
    trainer.end()
    index = Index(home)
    index.refresh()
    import sqlite3

    db = sqlite3.connect(index.path)
    series = db.execute("SELECT id FROM series WHERE run = ? AND key = 'loss'", (trainer.run.id,)).fetchone()[0]
    steps = np.arange(11, points + 11)
    values = np.exp(-steps / points) + np.random.default_rng(0).normal(0, 0.1, points)
    pyramid.add_points(db, series, 10, steps.tolist(), values.tolist())
    db.execute("UPDATE series SET last_step = ? WHERE id = ?", (points + 10, series))
    db.commit()
    db.close()

    class One(Textual):
        def get_theme_variable_defaults(self):
            return {**super().get_theme_variable_defaults(), **curve_colours("theme", self.current_theme)}

        def compose(self):
            yield Chart()

    async def measure() -> None:
        app = One()
        async with app.run_test(size=(COLUMNS, ROWS)) as pilot:
            chart = app.query_one(Chart)
            await pilot.pause()
            for name, window in (("whole", None), ("a hundredth of it", (points * 0.5, points * 0.51))):
                asked, drawn = [], []
                for turn in range(15):
                    began = time.perf_counter()
                    found = index.series(trainer.run.id, "loss", COLUMNS, *(window or (None, None)))
                    asked.append(time.perf_counter() - began)
                    curve = Curve("loss", found.x, found.lo, found.hi, found.marks, found.points, found.mean)
                    began = time.perf_counter()
                    chart.show([curve], ChartStyle(log_y=bool(turn % 2), window=window))
                    for row in range(chart.size.height):
                        chart.render_line(row)
                    drawn.append(time.perf_counter() - began)
                    await pilot.pause()
                both = [1000 * (a + b) for a, b in zip(asked, drawn, strict=True)]
                print(
                    f"redraw of {points:,} points, {name}: {statistics.median(both):.1f} ms (target 50), of which "
                    f"the index {1000 * statistics.median(asked):.1f}, the screen {1000 * statistics.median(drawn):.1f}"
                )

    asyncio.run(measure())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--points", type=int, default=1_000_000)
    options = parser.parse_args()
    for part in (lambda home: live(home, options.seconds), lambda home: redraw(home, options.points)):
        with tempfile.TemporaryDirectory(prefix="bench-charts-") as folder:
            home = Path(folder) / "home"
            home.mkdir(mode=0o700)
            part(home)


if __name__ == "__main__":
    main()
