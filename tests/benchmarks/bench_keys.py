"""From a key press to the paint that answers it, with a thousand runs and one of them being written and ingested.

    python tests/benchmarks/bench_keys.py [--rounds 3] [--runs 1000] [--points 5000] [--rate 1000] [--home DIR] [--list]

Prints one line per figure. The home holds real run directories: scores, alarms, tags, ``points`` metric points each.
One more run is written by a process of its own, as a trainer does: ``rate`` steps of five metrics a second, a sample
grid every two seconds, a score every five, so that the app's ingest never rests. The app is the ``gentui`` command in a
pty of 160×45; what it writes is read as it comes and its screen emulated.

A key's time runs from its writing to the pty to the last byte of the first frame after which the screen shows the
answer. A frame is what stands between the marks of synchronised output, which the emulated terminal says it has. What
the answer is, each kind of key says of the cells: the cursor on another row, the rows that the filter leaves, the pane
with its text or curves. The pane beside the list of runs follows the cursor: that takes 150 ms of rest, so its figure
is apart. Frames that only show the live run's progress answer nothing. Between two keys passes a random
30 to 180 ms, so that keys meet every phase of the ingest.

Processor time is told too, as a busy machine adds to times whatever else it does. The same keys are pressed before
without the live run. ``--list``: only the keys of the list of runs. ``--home`` keeps the home, and uses it as it is
when there is one.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import math
import os
import random
import re
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyte

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.recipes.recipe import load
from engine.runs.directory import RunDir, State, Status
from engine.runs.events import EventWriter, encode
from gentui.jobs import annotations
from tests.benchmarks.pty_app import PtyApp

COLUMNS, ROWS = 160, 45
BEASTS = ("otter", "puffin", "zebra", "lynx", "wombat", "heron", "gecko", "ibex")
RECIPES = ("digits-unet", "digits-cfg", "digits-vae", "photos-dcgan", "toonfaces-acgan", "fashion-resnet-class")
ENDS: tuple[Status, ...] = ("done",) * 7 + ("failed", "stopped", "interrupted")
KEYS = ("loss", "grad_norm", "lr", "images_per_s", "ema_loss")
LIVE = "alive-0000"
PATIENCE = 20.0

# -- the home


def fill(home: Path, runs: int, points: int) -> None:
    """``runs`` ended runs through the engine's writers, and the index of them."""
    from gentui.index import Index

    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    steps = max(1, points // len(KEYS))
    logs = [metrics(steps, seed) for seed in range(8)]
    for n in range(runs):
        begin(home, n, steps, ENDS[n % len(ENDS)], logs[n % len(logs)])
    Index(home).refresh()


def begin(home: Path, n: int, steps: int, status: Status, log: bytes = b"") -> RunDir:
    """One run with its recipe, log, scores, now and then an alarm and tags."""
    recipe = load(RECIPES[n % len(RECIPES)])
    name = f"{BEASTS[n % len(BEASTS)]}-{n:04d}" if log else LIVE
    now = time.time()
    info = {
        "name": name, "recipe": recipe.name, "title": recipe.title, "family": recipe.family,
        "dataset": recipe.dataset, "quick": False, "stand_in_for": None, "seed": n, "device": "cpu",
        "command": ["gentui", "run", recipe.name], "versions": {}, "git": None, "host": "box", "created_at": now,
        "total_steps": steps, "reference": recipe.reference.model_dump() if recipe.reference else None,
    }  # fmt: skip
    reason = "the trainer ended with exit code 1" if status == "failed" else ""
    ended = now if log else None
    state = State(
        status=status,
        reason=reason,
        attempt=1,
        slot="cpu",
        queued_at=now,
        started_at=now,
        ended_at=ended,  # type: ignore[arg-type]
    )
    settings = recipe.with_values({"optim.lr": 1e-4 * (1 + n % 20), "train.seed": n})
    tags = [word for word, every in (("baseline", 10), ("keep", 7), ("sweep-a", 4)) if n % every == 0]
    files = {
        annotations.FILE: annotations.to_json(
            annotations.Annotations(tags=tuple(tags), notes="worth a second look" if n % 50 == 0 else "")
        )
    }
    run = RunDir.create(home, settings.to_toml(), info, state, files)
    run.log_path.write_text("".join(f"step {step}  loss 0.2{step % 10}\n" for step in range(0, 2000, 10)))
    run.architecture_path.write_text(
        "UNet\n  down  Conv2d(1, 32)  320 parameters\n  up  Conv2d(32, 1)  289 parameters\n"
    )
    if log:
        with run.events_path(1).open("wb") as file:
            file.write(log)
        writer = EventWriter(run.events_path(1))
        writer.emit_many([grid(run, steps), score(steps // 2, 30.0 + n % 17), score(steps, 10.0 + n % 97 / 10)])
        if n % 5 == 0:
            writer.emit("alert", step=steps, images=steps * 64, **ALARM)
        writer.emit("status", step=steps, images=steps * 64, status=status, reason=reason)
        writer.close()
    return run


ALARM = {
    "severity": "warning", "name": "divergence", "sentence": "The loss is rising.",
    "cause": "the learning rate is too high", "remedy": "try -o optim.lr=1e-4",
}  # fmt: skip


def score(step: int, value: float) -> dict[str, object]:
    protocol = {"protocol": "fid · made up", "protocol_id": "00c0ffee", "protocol_detail": {"samples": 500}}
    return EventWriter.stamp(
        "evaluation", step=step, images=step * 64, metric="fid", value=value, lower_is_better=True, floor=1.0,
        seconds=1.0, best=True, **protocol,
    )  # fmt: skip


def grid(run: RunDir, step: int) -> dict[str, object]:
    """A sample grid of noise, as large as one of digits."""
    from PIL import Image

    path = f"samples/{step:08d}.png"
    Image.effect_noise((82, 102), 80).resize((328, 408), Image.Resampling.NEAREST).save(run.path / path)
    return EventWriter.stamp(
        "sample", step=step, images=step * 64, path=path, rows=10, columns=8, caption="rows: digits 0–9"
    )


def metrics(steps: int, seed: int) -> bytes:
    """A log up to the scores."""
    began = 1.7e9 + 1e4 * seed
    lines = [encode(started(steps) | {"t": began, "mono": 100.0})]
    for step in range(1, steps + 1):
        clock = {"t": began + step * 0.01, "mono": 100.0 + step * 0.01}
        lines.append(encode(record(step, seed) | clock))
    return b"".join(lines)


def started(steps: int) -> dict[str, object]:
    return EventWriter.stamp(
        "status", step=0, images=0, status="started", reason="", total_steps=steps, total_images=steps * 64,
        steps_per_epoch=100, device="cpu", precision="fp32", parameters=1_000_000,
    )  # fmt: skip


def record(step: int, seed: int) -> dict[str, object]:
    wave = math.sin(step * 0.37 + seed)
    values = {key: (i + 1) / (1 + step / 200) * (1.1 + 0.1 * wave) for i, key in enumerate(KEYS)}
    values["images_per_s"] = 2500 + 20 * wave
    return EventWriter.stamp("metrics", step=step, images=step * 64, values=values)


def train(home: Path, rate: int) -> None:
    """In a process of its own: a run that logs without training, until stdin closes."""
    total = 10_000_000
    run = begin(home, 0, total, "running")
    lock = run.open_lock()
    fcntl.flock(lock, fcntl.LOCK_EX)
    writer = EventWriter(run.events_path(1))
    writer.emit_many([started(total)])
    print(run.path, flush=True)
    began, step, beat = time.monotonic(), 0, 0
    while not select.select([sys.stdin], [], [], 0.05)[0]:
        due = int((time.monotonic() - began) * rate)
        writer.emit_many([record(at, 0) for at in range(step + 1, due + 1)])
        step, beat = due, beat + 1
        if beat % 40 == 0:
            writer.emit_many([grid(run, step)])
        if beat % 100 == 0:
            writer.emit_many([score(step, 100 / beat)])
        if beat == 200:
            writer.emit("alert", step=step, images=step * 64, **ALARM)


@contextmanager
def training(home: Path, rate: int) -> Iterator[None]:
    """A live run, and none when ``rate`` is 0. It is taken away again."""
    if not rate:
        yield
        return
    child = subprocess.Popen(
        [sys.executable, __file__, "--home", str(home), "--train", str(rate)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    path = child.stdout.readline().strip()
    try:
        yield
    finally:
        child.communicate()
        shutil.rmtree(path)


# -- the terminal


class Terminal(PtyApp):
    """The app in a pty. A thread notes when what was read; ``screen`` is fed frame by frame, afterwards."""

    END = b"\x1b[?2026l"

    def __init__(self, home: Path, columns: int = COLUMNS, rows: int = ROWS):
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._frames: list[tuple[float, bytes]] = []
        self._came = threading.Condition()
        self.bytes = 0
        super().__init__(home, columns, rows, "half", json.loads(os.environ.get("GENTUI_COMMAND", "[]")))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        held = b""
        while True:
            try:
                data = os.read(self.fd, 1 << 16)
            except OSError:
                return
            now = time.perf_counter()
            self.bytes += len(data)
            if b"\x1b[?2026$p" in data:
                os.write(self.fd, b"\x1b[?2026;2$y")
            held += data
            end = held.rfind(self.END) + len(self.END)
            if end >= len(self.END):
                with self._came:
                    self._frames.append((now, held[:end]))
                    self._came.notify()
                held = held[end:]

    def frame(self, patience: float) -> float | None:
        """Feed the next frame; when its last byte was read, or None when none comes in time."""
        with self._came:
            if not self._frames and not self._came.wait(patience):
                return None
            at, data = self._frames.pop(0)
        # pyte does not know private CSI with > or <, as kitty's keyboard protocol uses
        self._stream.feed(re.sub(rb"\x1b\[[<>=][0-9;]*u", b"", data))
        return at

    def settle(self, seconds: float) -> None:
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self.frame(left)

    @property
    def lines(self) -> list[str]:
        return list(self.screen.display)

    def press(self, keys: str, is_answered: Callable[[list[str]], bool]) -> float:
        """Milliseconds from the key to the end of the frame that answers it."""
        began = time.perf_counter()
        os.write(self.fd, keys.encode())
        while True:
            at = self.frame(max(0.0, began + PATIENCE - time.perf_counter()))
            if at is None:
                shown = "\n".join(self.lines)
                raise SystemExit(f"{keys!r} was not answered in {PATIENCE:g} s; the screen:\n{shown}")
            if at > began and is_answered(self.lines):
                return 1000 * (at - began)

    def wait_for(self, is_there: Callable[[list[str]], bool]) -> None:
        began = time.perf_counter()
        while not is_there(self.lines):
            if self.frame(1.0) is None and time.perf_counter() - began > 60:
                raise SystemExit("\n".join(["waited in vain; the screen:", *self.lines]))

    def memory(self) -> float:
        """MB of resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def cost(self) -> float:
        """Milliseconds of processor time that the thread of the screen had so far; NaN where Linux does not tell."""
        try:
            return int(Path(f"/proc/{self.pid}/task/{self.pid}/schedstat").read_text().split()[0]) / 1e6
        except (OSError, ValueError):
            return math.nan


# -- the keys

NAME = re.compile(rf"\b(?:{'|'.join(BEASTS)}|{LIVE[:-5]})-\d{{4}}\b")
CURVE = re.compile("[\u2801-\u28ff]")
UP, DOWN, PAGE_UP, PAGE_DOWN, HOME, END = "\x1b[A", "\x1b[B", "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F"
LEFT, RIGHT, SHIFT_TAB, ESCAPE, ENTER, BACKSPACE = "\x1b[D", "\x1b[C", "\x1b[Z", "\x1b", "\r", "\x7f"
Lines = list[str]


LIST = 26 + 3 * COLUMNS // 10
"""Cells of the list of runs beside its pane."""


def is_list(lines: Lines) -> bool:
    """Whether the list of runs is shown without its filter."""
    return lines[1].startswith("─ runs") and not has_filter(lines)


def has_filter(lines: Lines) -> bool:
    """Whether the filter stands below the title of the list, without or with text."""
    return not lines[2].startswith("   status")


def rows(lines: Lines) -> Lines:
    """The lines of runs in a table."""
    has_pane = lines[1].startswith("─ runs")
    return [line for whole in lines[2:-1] if NAME.search(line := whole[:LIST] if has_pane else whole)]


def previewed(lines: Lines) -> str | None:
    """The run that the pane shows with its curves."""
    name = NAME.search(lines[1][LIST:])
    return name[0] if name and has_curves([line[LIST:] for line in lines]) else None


def cursor(lines: Lines) -> str | None:
    """What the cursor stands on: the first words of its line."""
    found = [line for line in lines[1:-1] if line.startswith("▸")]
    if not found:
        return None
    name = NAME.search(found[0])
    return name[0] if name else found[0][:30]


def filtered(lines: Lines) -> str:
    """The text of the filter."""
    return lines[2][:LIST].strip() if lines[1].startswith("─ runs") else lines[1].strip()


def status(lines: Lines) -> str:
    """The line over the keys, where there is one."""
    return lines[-2].strip()


def focus(lines: Lines) -> str | None:
    """The metric whose chart is in focus."""
    found = re.search(r"▸ (\S+)", "\n".join(lines[5:-1]))
    return found[1] if found else None


def chart_cursor(lines: Lines) -> str | None:
    """Where the cursor of the charts stands."""
    found = re.search(r"at step [\d,]+", lines[5])
    return found[0] if found else None


@dataclass
class Typist:
    """Presses keys and keeps the times by kind."""

    terminal: Terminal
    times: dict[str, list[float]] = field(default_factory=dict)
    costs: list[float] = field(default_factory=list)
    table_costs: list[float] = field(default_factory=list)
    in_table: list[float] = field(default_factory=list)
    visited: set[str] = field(default_factory=set)

    def press(self, kind: str, keys: str, is_answered: Callable[[Lines], bool]) -> None:
        self.rest()
        self._note(kind, keys, is_answered)

    def rest(self) -> None:
        self.terminal.settle(random.uniform(0.03, 0.18))

    def change(self, kind: str, keys: str, what: Callable[[Lines], str | None], times: int = 1) -> None:
        """Keys after which ``what`` finds something else on the screen."""
        for _ in range(times):
            self.rest()
            self.terminal.wait_for(lambda now: what(now) is not None)
            before = what(self.terminal.lines)
            self._note(kind, keys, lambda now, before=before: what(now) not in (None, before))

    def tell(self, kind: str, keys: str, words: str, times: int = 1) -> None:
        """Keys whose answer the status line tells, in the frame in which it is seen."""
        for _ in range(times):
            self.rest()
            before = status(self.terminal.lines)
            self._note(kind, keys, lambda now, before=before: words in status(now) and status(now) != before)

    def _note(self, kind: str, keys: str, is_answered: Callable[[Lines], bool]) -> None:
        before = self.terminal.cost()
        self.times.setdefault(kind, []).append(self.terminal.press(keys, is_answered))
        self.costs.append(self.terminal.cost() - before)

    def visit(self, place: str, keys: str, is_answered: Callable[[Lines], bool]) -> None:
        """As ``press``; the first time of each place is a kind of its own."""
        kind = f"open {place}" if place in self.visited else f"open {place}, first time"
        self.visited.add(place)
        self.press(kind, keys, is_answered)

    def move(self, kind: str, keys: str, times: int = 1) -> None:
        """Keys that put the cursor elsewhere."""
        self.change(kind, keys, cursor, times)

    def type(self, kind: str, word: str) -> None:
        """Into the filter: the letters stand there, and every row has them."""
        for end in range(1, len(word) + 1):
            part = word[:end]
            self.press(
                kind, part[-1],
                lambda now, part=part: (
                    filtered(now) == part and rows(now) != [] and all(part in row for row in rows(now))
                ),
            )  # fmt: skip

    # -- the screens

    def runs_table(self) -> None:
        self.visit("runs", "2", lambda now: bool(rows(now)) and is_list(now) and cursor(now) is not None)
        before = {kind: len(times) for kind, times in self.times.items()}
        cost = len(self.costs)
        self.move("down, up", DOWN, 12)
        self.move("down, up", UP, 8)
        self.move("page", PAGE_DOWN, 5)
        self.move("page", PAGE_UP, 2)
        self.move("end, home", END)
        self.move("end, home", HOME)
        self.press("open filter", "/", lambda now: now[2].startswith(" filter:"))
        self.type("filter letter", "zebra-01")
        self.press(
            "filter letter", BACKSPACE, lambda now: filtered(now) == "zebra-0" and "zebra-09" in rows(now)[0]
        )
        self.press(
            "clear filter",
            ESCAPE,
            lambda now: is_list(now) and not all("zebra" in row for row in rows(now)),
        )
        for keys in ("o", "o", "o", "O", "O", "O", "!", "!"):
            self.tell("sort", keys, "sorted by")
        for number in (1, 2, 3):
            self.press("mark", " ", lambda now, n=number: f"◆ {n} run" in status(now))
        self.press("mark all", "*", lambda now: all("◆" in row[:4] for row in rows(now)))
        self.press("unmark", ESCAPE, lambda now: not any("◆" in row[:4] for row in rows(now)))
        self.move("end, home", HOME)
        for kind, times in self.times.items():
            self.in_table += times[before.get(kind, 0) :]
        self.table_costs += self.costs[cost:]
        for keys in (DOWN, DOWN, UP):
            self.terminal.settle(0.5)
            self.change("pane follows", keys, previewed)

    def run_view(self, place: str) -> None:
        """The run under the cursor."""
        self.rest()
        name = cursor(self.terminal.lines) or ""
        self.visit(place, ENTER, lambda now: name in now[1] and has_curves(now))
        for letter, pane in zip(
            "eigots", ("Scores", "Health", "Log", "Settings", "Net", "Samples"), strict=True
        ):
            self.visit(
                "pane",
                letter,
                lambda now, is_=f"[{letter} {pane}]": is_ in now[4] and any(map(str.strip, now[5:-2])),
            )
        self.visit("pane", "c", lambda now: "[c Charts]" in now[4] and has_curves(now))
        self.terminal.settle(0.5)  # their number may follow the curves
        across = charts_across(self.terminal.lines)
        for keys, count in ((">", across + 1), ("<", across)):
            self.press(
                "chart columns", keys,
                lambda now, n=count: (
                    f"columns of charts: {n}" in status(now) and charts_across(now) == n and has_curves(now)
                ),
            )  # fmt: skip
        self.change("next chart", "\t", focus)
        self.change("next chart", SHIFT_TAB, focus)
        self.tell("chart look", "y", "y axis", 2)
        self.tell("chart look", "w", "smoothing", 3)
        self.tell("chart zoom", "+", "x axis: step", 2)
        self.tell("chart zoom", "0", "x axis: all")
        self.press("chart cursor", "|", lambda now: "at step" in now[5])
        self.change("chart cursor", LEFT, chart_cursor, 4)
        self.press("chart cursor", "|", lambda now: "at step" not in now[5])
        self.press("back to runs", ESCAPE, lambda now: is_list(now) and cursor(now) is not None)

    def leaderboard(self) -> None:
        self.visit("leaderboard", "3", lambda now: "rank" in now[1] and "score" in now[1] and bool(rows(now)))
        self.move("leaderboard: down", DOWN, 4)
        self.move("leaderboard: page", PAGE_DOWN, 2)
        self.move("leaderboard: end, home", END)
        self.move("leaderboard: end, home", HOME)
        self.press("open filter", "/", lambda now: now[1].startswith(" filter:"))
        self.type("leaderboard: filter letter", "vae")
        self.press(
            "clear filter", ESCAPE, lambda now: "rank" in now[1] and not all("vae" in row for row in rows(now))
        )

    def menu(self) -> None:
        self.visit("recipes", "1", lambda now: "your best" in now[1] and cursor(now) is not None)
        self.move("recipes: down, up", DOWN, 3)
        self.move("recipes: down, up", UP, 3)
        self.visit("run in training", "4", lambda now: "[c Charts]" in now[4] and has_curves(now))
        self.press("back to recipes", ESCAPE, lambda now: "your best" in now[1] and cursor(now) is not None)

    def list_alone(self) -> None:
        self.runs_table()
        self.visit("recipes", "1", lambda now: any("▸ digits-unet" in line for line in now))

    def everywhere(self) -> None:
        self.runs_table()
        self.run_view("run")
        self.move("down, up", DOWN)
        self.run_view("run")
        self.leaderboard()
        self.menu()


def has_curves(lines: Lines) -> bool:
    return any(CURVE.search(line) for line in lines[5:-2])


def charts_across(lines: Lines) -> int:
    return lines[6].count("┏")


# -- the figures


def p95(times: list[float]) -> float:
    return sorted(times)[math.ceil(0.95 * len(times)) - 1]


def figures(times: list[float]) -> str:
    return (
        f"p50 {statistics.median(times):.0f}, p95 {p95(times):.0f}, max {max(times):.0f} ms ({len(times)} keys)"
    )


@dataclass
class Session:
    times: dict[str, list[float]]
    costs: list[float]
    in_table: list[float]
    table_costs: list[float]
    memory: float
    share: float

    @property
    def all(self) -> list[float]:
        return [time for of_kind in self.times.values() for time in of_kind]


def session(home: Path, rate: int, rounds: int, only_list: bool = False) -> Session:
    """One start of the app, the keys so many times."""
    with training(home, rate):
        terminal = Terminal(home)
        try:
            terminal.wait_for(lambda now: any("▸ digits-unet" in line for line in now))
            terminal.settle(3.0)
            cpu, began = terminal.cpu(), time.monotonic()
            typist = Typist(terminal)
            for _ in range(rounds):
                typist.list_alone() if only_list else typist.everywhere()
            share = (terminal.cpu() - cpu) / (time.monotonic() - began)
            known = (typist.times, typist.costs, typist.in_table, typist.table_costs)
            return Session(*known, terminal.memory(), share)
        finally:
            terminal.end()


SCREENS = {"recipes": "1", "list of runs": "2", "leaderboard": "3", "run": "4"}
"""Screens that write nothing while nothing happens, with their keys; the machine is looked at every two seconds."""


def idle(home: Path, seconds: float = 10.0) -> dict[str, float]:
    """Bytes a second that each screen writes while nothing happens."""
    terminal = Terminal(home)
    found = {}
    try:
        terminal.wait_for(lambda now: any("▸ digits-unet" in line for line in now))
        for screen, keys in SCREENS.items():
            os.write(terminal.fd, keys.encode())
            terminal.settle(6.0)
            before = terminal.bytes
            terminal.settle(seconds)
            found[screen] = (terminal.bytes - before) / seconds
        return found
    finally:
        terminal.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--points", type=int, default=5000, help="metric points of each run")
    parser.add_argument("--rate", type=int, default=1000, help="steps a second of the run that is written")
    parser.add_argument("--home", type=Path, help="made there and kept; used as it is when it has runs")
    parser.add_argument("--list", action="store_true", help="only the keys of the list of runs")
    parser.add_argument("--train", type=int, metavar="RATE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        train(options.home, options.train)
        return
    sys.setswitchinterval(1e-4)  # the thread that notes when bytes came does not wait for the emulator
    with tempfile.TemporaryDirectory(prefix="bench-keys-") as folder:
        home = options.home or Path(folder) / "home"
        if not (home / "runs").is_dir():
            began = time.perf_counter()
            fill(home, options.runs, options.points)
            made = f"{options.runs} runs of {options.points} points made and ingested"
            print(f"{made} in {time.perf_counter() - began:.0f} s")
        still = session(home, 0, options.rounds, options.list)
        busy = session(home, options.rate, options.rounds, options.list)
        for kind, times in busy.times.items():
            print(f"{kind}: {figures(times)}")
        ratio = p95(busy.all) / p95(still.all)
        table = f"keys in the table of {options.runs} runs"
        print(f"{table}, {options.rate} steps a second ingested: {figures(busy.in_table)} (target: p95 40)")
        print(f"{table}, nothing ingested: {figures(still.in_table)}")
        print(f"all keys, {options.rate} steps a second ingested: {figures(busy.all)}")
        print(f"all keys, nothing ingested: {figures(still.all)}; p95 with ingest over without: {ratio:.2f}")
        cost = "processor time of the screen's thread for a key"
        print(f"{cost} in the table, {options.rate} a second: {figures(busy.table_costs)}")
        print(f"{cost} in the table, nothing ingested: {figures(still.table_costs)}")
        print(f"{cost}, {options.rate} a second: {figures(busy.costs)}")
        print(f"{cost}, nothing ingested: {figures(still.costs)}")
        print(f"the app, meanwhile: {busy.memory:.0f} MB resident, {100 * busy.share:.0f} % of a core")
        for screen, rate in idle(home).items():
            print(f"idle on the screen {screen}: {rate:.1f} bytes/s (target 0)")


if __name__ == "__main__":
    main()
