"""What opening a run costs: processor time and bytes from Enter in the list of runs to the last cell of eight charts.

    git worktree add /tmp/before COMMIT
    python tests/benchmarks/bench_opening.py [--trees /tmp/before .] [--rounds 12]

Prints one line per figure and tree. The trees take turns, so that a machine that is busy is so for each of them: every
round starts the app of a tree in a pty of 160×50 over one home, and opens and leaves the run several times. The run has
ended and logs twelve metrics; its layout shows three columns of three charts.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import bench_charts
from tests.benchmarks.pty_app import PtyApp

METRICS = (*bench_charts.METRICS, *(f"signal_{letter}" for letter in "cdefgh"))
COLUMNS, ROWS, STEPS = 160, 50, 3000
OPENINGS = 6
"""Times that one app opens the run; the first, which imports what charts need, is a figure of its own."""
QUIET, PATIENCE = 0.7, 30.0
"""Seconds without a byte after which the screen is complete, and the most that it may take."""


class App(PtyApp):
    """gentui of one source tree in a pty."""

    def __init__(self, home: Path, tree: Path):
        command = ("env", f"PYTHONPATH={tree}", sys.executable, "-P", "-m", "gentui")
        super().__init__(home, COLUMNS, ROWS, "none", command)
        self.screen = b""

    def press(self, key: str, until: str = "") -> int:
        """Press a key, and return how many bytes are written until the screen is still; ``until`` is among them."""
        if key:
            os.write(self.fd, key.encode())
        written, last, began = b"", time.monotonic(), time.monotonic()
        while time.monotonic() < last + QUIET or until.encode() not in written:
            if time.monotonic() > began + PATIENCE:
                raise SystemExit(f"waited {PATIENCE:g} s for {until!r}")
            if select.select([self.fd], [], [], 0.05)[0]:
                written += os.read(self.fd, 1 << 16)
                last = time.monotonic()
        return len(written)


def fill(home: Path) -> None:
    """A run that has ended, and a layout of nine charts for its family."""
    bench_charts.METRICS = METRICS
    trainer = bench_charts.Trainer(home)
    trainer.log(STEPS)
    trainer.end()
    layout = {"columns": 3, "rows": 3}
    (home / "config").mkdir()
    (home / "config" / "charts.json").write_text(json.dumps({"diffusion": layout}))


def measure(home: Path, tree: Path) -> list[tuple[float, int]]:
    """Seconds of processor time and bytes of each opening."""
    app, found = App(home, tree), []
    try:
        app.press("", "gentui")
        app.press("2", "digits-unet")
        for _ in range(OPENINGS):
            before = app.cpu()
            count = app.press("\r", "grad_norm")
            found.append((app.cpu() - before, count))
            app.press("\x1b", "digits-unet")
    finally:
        app.end()
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trees", type=Path, nargs="+", default=[Path(__file__).resolve().parents[2]])
    parser.add_argument("--rounds", type=int, default=6)
    options = parser.parse_args()
    trees = [tree.resolve() for tree in options.trees]
    results: dict[Path, list[list[tuple[float, int]]]] = {tree: [] for tree in trees}
    with tempfile.TemporaryDirectory(prefix="bench-opening-") as folder:
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        fill(home)
        for _ in range(options.rounds):
            for tree in trees:
                results[tree].append(measure(home, tree))
    for tree, rounds in results.items():
        first = 1000 * statistics.median(each[0][0] for each in rounds)
        later = 1000 * statistics.mean(seconds for each in rounds for seconds, _ in each[1:])
        size = statistics.median(count for each in rounds for _, count in each[1:]) / 1000
        print(f"{tree}: the first opening of a run with nine charts: {first:.0f} ms of processor time")
        print(f"{tree}: each later one: {later:.0f} ms of processor time, {size:.1f} KB written")


if __name__ == "__main__":
    main()
