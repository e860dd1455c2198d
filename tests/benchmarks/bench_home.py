"""What a home of thousands of runs costs, one line a figure.

    python -m tests.benchmarks.bench_home [--runs 5000] [--records 200 2000] [--seconds 30] [--home DIR]

Makes a home of ended runs in a temporary folder (``--home``: there, and kept): 200 to 2,000 metric records each, few
long ones among many short ones, of three or four series, with scores, samples, alarms and tags. Then measures the first
``gentui runs``, which indexes it; one with nothing new; one after a change of one run; the first paint of the app; and
the app at rest, in its menu and in its table of runs, with no run active and with one that writes 20 records a second.

Processor time (user + system) is that of the whole process, so that other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import fcntl
import math
import os
import random
import select
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.recipes.recipe import Recipe, load
from engine.runs.directory import JobDir, RunDir, State, Status
from engine.runs.events import EventWriter, encode
from gentui.jobs import annotations
from gentui.jobs.launchers.local.locks import make_slots_folder
from tests.benchmarks.pty_app import PtyApp

RECIPES = ("digits-unet", "digits-cfg", "digits-vae", "photos-dcgan", "toonfaces-acgan", "fashion-resnet-class")
ENDS: tuple[Status, ...] = ("done",) * 7 + ("failed", "stopped", "interrupted")
SERIES = ("loss", "images_per_s", "grad_norm", "lr")
COLUMNS, ROWS = 160, 45
LOGS = 24
_PROTOCOL = {"protocol": "fid · made up", "protocol_id": "00c0ffee", "protocol_detail": {"samples": 500}}

# -- the home


def make_home(home: Path, runs: int, fewest: int, most: int) -> int:
    """``runs`` ended runs under ``home``; returns how many metric points they have. Nothing is ingested."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    rng = random.Random(0)
    lengths = [round(fewest * (most / fewest) ** rng.random()) for _ in range(LOGS)]
    logs = [b"".join(_log(steps, seed)) for seed, steps in enumerate(lengths)]
    recipes = {name: load(name) for name in RECIPES}
    texts = {name: recipe.to_toml() for name, recipe in recipes.items()}
    os.fsync = lambda fd: None  # thousands of runs at once need not survive a power cut
    points = 0
    for n in range(runs):
        recipe = recipes[RECIPES[n % len(RECIPES)]]
        text = texts[recipe.name].replace("seed = 0", f"seed = {n}", 1)
        _make_run(home, n, recipe, text, lengths[n % LOGS], logs[n % LOGS])
        points += lengths[n % LOGS] * _width(n % LOGS)
    return points


def _make_run(home: Path, n: int, recipe: Recipe, text: str, steps: int, log: bytes) -> None:
    now, status = 1.7e9 + 60 * n, ENDS[n % len(ENDS)]
    reference = recipe.reference
    info = {
        "name": f"run {n}" if n % 3 else "", "recipe": recipe.name, "title": recipe.title, "family": recipe.family,
        "dataset": recipe.dataset, "quick": False, "stand_in_for": None, "seed": n, "device": "cpu",
        "command": ["gentui", "run", recipe.name], "versions": {}, "git": None, "host": "box", "created_at": now,
        "total_steps": steps, "reference": reference.model_dump() if reference else None,
    }  # fmt: skip
    reason = "the trainer ended with exit code 1" if status == "failed" else ""
    state = State(
        status=status, reason=reason, attempt=1, slot="cpu", queued_at=now, started_at=now, ended_at=now + steps
    )  # fmt: skip
    tags = tuple(word for word, every in (("baseline", 10), ("keep", 7)) if n % every == 0)
    files = {annotations.FILE: annotations.to_json(annotations.Annotations(tags=tags))} if tags else {}
    run = RunDir.create(home, text, info, state, files)
    run.events_path(1).write_bytes(log)
    run.log_path.write_text("step 1\n")


def _width(seed: int) -> int:
    return 3 + seed % 2


def _log(steps: int, seed: int) -> Iterator[bytes]:
    began = 1.7e9 + 1e4 * seed

    def record(kind: str, step: int, **fields: object) -> bytes:
        clock = {"t": began + step * 0.5, "mono": 100.0 + step * 0.5}
        return encode({"kind": kind, **clock, "step": step, "images": step * 64, **fields})

    yield record(
        "status", 0, status="started", total_steps=steps, total_images=steps * 64, steps_per_epoch=100,
        device="cpu", precision="fp32", parameters=1_000_000,
    )  # fmt: skip
    for step in range(1, steps + 1):
        wave = math.sin(step * 0.37 + seed)
        keys = SERIES[: _width(seed)]
        values = {key: (i + 1) / (1 + step / 200) * (1.1 + 0.1 * wave) for i, key in enumerate(keys)}
        yield record("metrics", step, values=values)
        if step in (steps // 2, steps):
            yield record("sample", step, path=f"samples/{step:08d}.png", caption="", rows=4, columns=4)
            score = {"value": 10.0 + seed + wave, "floor": 1.0, "seconds": 1.0, "best": True}
            yield record("evaluation", step, metric="fid", lower_is_better=True, **score, **_PROTOCOL)
            yield record("checkpoint", step, path="checkpoints/last", which="last", bytes=1 << 20)
    if seed % 5 == 0:
        told = {"sentence": "The loss is rising.", "cause": "the rate is too high", "remedy": "lower it"}
        yield record("alert", steps, severity="warning", name="divergence", **told)
    yield record("status", steps, status="done", reason="")


@contextmanager
def live_run(home: Path) -> Iterator[None]:
    """A run that trains, as far as anybody can see: its lock is held, and its log grows by 20 records a second."""
    now = time.time()
    state = State(status="running", attempt=1, slot="cpu", queued_at=now, started_at=now)
    info = {"name": "live", "recipe": "digits-unet", "title": "", "family": "diffusion", "dataset": "digits"}
    run = RunDir.create(home, load("digits-unet").to_toml(), {**info, "created_at": now, "seed": 1}, state)
    slots = make_slots_folder(home)
    locks = [run.open_lock(), os.open(slots / "cpu.worker.lock", os.O_RDWR | os.O_CREAT, 0o600)]
    for lock in locks:
        fcntl.flock(lock, fcntl.LOCK_EX)
    writer, ended = EventWriter(run.events_path(1)), threading.Event()
    writer.emit("status", step=0, images=0, status="started", total_steps=100_000, total_images=6_400_000)

    def write() -> None:
        step = 0
        while not ended.wait(0.05):
            step += 1
            values = {key: 1.0 / step for key in SERIES}
            writer.emit("metrics", step=step, images=step * 64, values=values)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        writer.close()
        JobDir(run.path).write_state(state.with_(status="done", ended_at=time.time()))
        for lock in locks:
            os.close(lock)


# -- the command


def command(home: Path, *words: str) -> tuple[float, float]:
    """(processor seconds, wall seconds) of ``gentui`` with these words."""
    env = {**os.environ, "GENTUI_HOME": str(home)}
    before, began = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-m", "gentui", *words], env=env, stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return used, time.perf_counter() - began


def bench_command(home: Path, points: int) -> Iterator[str]:
    for name in ("index.db", "index.db-wal", "index.db-shm"):
        (home / name).unlink(missing_ok=True)
    used, wall = command(home, "runs")
    size = (home / "index.db").stat().st_size / 1e6
    yield f"first_index {used:.2f} s of a core ({wall:.2f} s) points {points} index {size:.0f} MB"
    same = [command(home, "runs") for _ in range(5)]
    newest = max(path for path in (home / "runs").iterdir() if not path.name.startswith("."))
    changed = []
    for n in range(5):
        annotations.rename(home, newest.name, f"renamed {n}")
        changed.append(command(home, "runs"))
    for name, taken in (("runs_nothing_new", same), ("runs_after_a_change", changed)):
        used, wall = (statistics.median(values) for values in zip(*taken, strict=True))
        yield f"{name} {used:.2f} s of a core ({wall:.2f} s)"


# -- the app


def drain(app: PtyApp, seconds: float, needle: bytes = b"\0") -> float:
    """Read what the app writes for so long, or until ``needle`` came; returns how long that was."""
    began, seen = time.perf_counter(), b""
    while (left := began + seconds - time.perf_counter()) > 0:
        if select.select([app.fd], [], [], left)[0]:
            seen = seen[-64:] + os.read(app.fd, 1 << 16)
            if needle in seen:
                break
    return time.perf_counter() - began


def memory(pid: int, key: str) -> float:
    """MB in /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith(key))


def share(app: PtyApp, seconds: float) -> float:
    before, began = app.cpu(), time.perf_counter()
    drain(app, seconds)
    return (app.cpu() - before) / (time.perf_counter() - began)


def bench_app(home: Path, seconds: float) -> Iterator[str]:
    taken = []
    for _ in range(5):
        app = PtyApp(home, COLUMNS, ROWS, "half")
        wall = drain(app, 60, b"digits-unet")
        taken.append((app.cpu(), wall))
        app.end()
    used, wall = (statistics.median(values) for values in zip(*taken, strict=True))
    yield f"first_paint {used:.2f} s of a core ({wall:.2f} s)"
    app = PtyApp(home, COLUMNS, ROWS, "half")
    try:
        drain(app, 15)
        yield f"start_until_15_s {app.cpu():.2f} s of a core, {memory(app.pid, 'VmRSS'):.0f} MB"
        yield f"idle_menu {share(app, seconds):.3f} of a core, {memory(app.pid, 'VmRSS'):.0f} MB"
        os.write(app.fd, b"2")
        drain(app, 8)
        yield f"idle_runs {share(app, seconds):.3f} of a core, {memory(app.pid, 'VmRSS'):.0f} MB"
        with live_run(home):
            drain(app, 8)
            yield f"one_run_writing_runs {share(app, seconds):.3f} of a core"
            os.write(app.fd, b"1")
            drain(app, 8)
            yield f"one_run_writing_menu {share(app, seconds):.3f} of a core"
        yield f"memory {memory(app.pid, 'VmRSS'):.0f} MB, at most {memory(app.pid, 'VmHWM'):.0f} MB"
    finally:
        app.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--records", type=int, nargs=2, default=(200, 2000), metavar=("FEWEST", "MOST"))
    parser.add_argument("--seconds", type=float, default=30.0, help="how long the app is watched at rest")
    parser.add_argument(
        "--home", type=Path, help="make the home there and keep it, or use the one that is there"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = options.home or Path(folder) / "home"
        began, points = time.perf_counter(), 0
        if not (home / "runs").is_dir():
            points = make_home(home, options.runs, *options.records)
            print(f"made {options.runs} runs in {time.perf_counter() - began:.0f} s", flush=True)
        for lines in (bench_command(home, points), bench_app(home, options.seconds)):
            for line in lines:
                print(line, flush=True)


if __name__ == "__main__":
    main()
