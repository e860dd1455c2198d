"""What the index costs, one line a figure. Run as a script: ``python tests/benchmarks/bench_index.py``.

``make_home`` is for other benchmarks too: a home of R finished runs with P points each, in real event files.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.runs.directory import RunDir, State
from engine.runs.events import encode
from gentui.index import Index

KEYS = ("loss", "grad_norm", "lr", "images_per_s", "ema_loss")
_SPIKE = 37.5
_BATCH = 64


def make_home(home: Path, runs: int, points: int, keys: tuple[str, ...] = KEYS) -> list[RunDir]:
    """``runs`` finished runs under ``home``, oldest first, with ``points`` metric points each over ``keys``.

    Eight different logs are written out and shared among the runs by content. Nothing is ingested.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    steps = max(1, points // len(keys))
    logs = [b"".join(_log(steps, keys, seed)) for seed in range(min(runs, 8))]
    made = []
    for n in range(runs):
        now = time.time()
        info = {
            "name": f"run {n}", "recipe": "digits-unet", "title": "UNet on digits", "family": "diffusion",
            "dataset": "digits", "quick": False, "stand_in_for": None, "seed": n, "device": "cpu",
            "command": ["gentui"], "created_at": now, "total_steps": steps, "reference": None,
        }  # fmt: skip
        state = State(
            status="done", attempt=1, slot="cpu", queued_at=now, started_at=now, ended_at=now, exit_code=0
        )
        run = RunDir.create(home, 'name = "digits-unet"\n', info, state)
        run.events_path(1).write_bytes(logs[n % len(logs)])
        made.append(run)
    return made


def _log(steps: int, keys: tuple[str, ...], seed: int, spike_at: int | None = None) -> Iterator[bytes]:
    began = 1.7e9 + 1e4 * seed

    def record(kind: str, step: int, **fields: object) -> bytes:
        clock = {"t": began + step * 0.01, "mono": 100.0 + step * 0.01}
        return encode({"kind": kind, **clock, "step": step, "images": step * _BATCH, **fields})

    yield record(
        "status", 0, status="started", total_steps=steps, total_images=steps * _BATCH, steps_per_epoch=100,
        device="cpu", precision="fp32", parameters=1_000_000,
    )  # fmt: skip
    for step in range(1, steps + 1):
        wave = math.sin(step * 0.37 + seed)
        values = {key: (i + 1) / (1 + step / 200) * (1.1 + 0.1 * wave) for i, key in enumerate(keys)}
        if step == spike_at:
            values[keys[0]] = _SPIKE
        yield record("metrics", step, values=values)
    yield record(
        "evaluation", steps, metric="fid", value=10.0 + seed, lower_is_better=True, protocol="fid · made up",
        protocol_id="00c0ffee", protocol_detail={"samples": 500}, floor=1.0, seconds=1.0, best=True,
    )  # fmt: skip
    yield record("status", steps, status="done", reason="")


def median_ms(call: Callable[[], object], times: int = 15) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(1e3 * (time.perf_counter() - began))
    return statistics.median(taken)


def bench_chart(folder: Path, points: int) -> str:
    home = folder / "one"
    run = make_home(home, 1, 10)[0]
    spike = points * 2 // 3 + 1
    run.events_path(1).write_bytes(b"".join(_log(points, ("loss",), 0, spike)))
    index = Index(home)
    index.refresh()
    chart = index.series(run.id, "loss", columns=150)
    seen = chart.points == points and chart.hi.max() == _SPIKE and len(chart.x) <= 150
    ms = median_ms(lambda: index.series(run.id, "loss", columns=150))
    by_time = median_ms(lambda: index.series(run.id, "loss", columns=150, axis="time"))
    zoomed = median_ms(lambda: index.series(run.id, "loss", columns=150, lo=points * 0.3, hi=points * 0.32))
    return (
        f"chart of a {points:.0e}-point series at 150 columns: {ms:.2f} ms (time axis {by_time:.2f}, zoomed to "
        f"2 % {zoomed:.2f}), spike visible {'yes' if seen else 'NO'}"
    )


def bench_many(folder: Path, runs: int, points: int) -> list[str]:
    home = folder / "many"
    make_home(home, runs, points)
    index = Index(home)
    began = time.perf_counter()
    index.refresh()
    ingest = time.perf_counter() - began
    rows = index.runs()
    assert len(rows) == runs and all(row.step for row in rows)
    size = (home / "index.db").stat().st_size / 1e6
    return [
        f"ingest of {runs} runs × {points} points: {ingest / (runs * points) * 1e6:.2f} µs/point ({size:.0f} MB)",
        f"runs() at {runs} runs: {median_ms(index.runs):.1f} ms",
        f"refresh() with nothing new at {runs} runs: {median_ms(index.refresh):.1f} ms",
        f"version(): {median_ms(index.version) * 1e3:.0f} µs",
    ]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--points", type=int, default=5000, help="of each run")
    parser.add_argument("--long", type=int, default=1_000_000, help="points of the one long series")
    parser.add_argument("--make", type=Path, metavar="HOME", help="only make such a home there and ingest it")
    options = parser.parse_args(arguments)
    if options.make:
        make_home(options.make, options.runs, options.points)
        Index(options.make).refresh()
        return
    with tempfile.TemporaryDirectory() as folder:
        print(bench_chart(Path(folder), options.long), flush=True)
        for line in bench_many(Path(folder), options.runs, options.points):
            print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
