"""A home in which real trainers, workers, the app and exports are killed at random, and a person who goes on."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.recipes.recipe import Recipe, load
from engine.runs.directory import RunDir, State, list_runs
from gentui import jobs
from gentui.jobs.exit_reason import reported_outcome
from gentui.jobs.states import read_state
from tests.support.jobs import processes, workers
from tests.support.terminal import Terminal
from tests.support.waiting import wait_for

STEPS = 40
SHORT = {
    "train.steps": STEPS, "train.precision": "fp32", "train.checkpoint_minutes": 1e-3, "train.keep": 2,
    "evaluate.times": 2, "sample.times": 2,
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "digits-unet": {
        "model.channels": 8, "model.multipliers": [1, 1], "model.groups": 4, "data.batch_size": 32,
        "sample.steps": 3, "sample.columns": 2, "evaluate.samples": 40,
    },
    "faces-dcgan": {"data.dataset": "digits"},
    "digits-vae": {"data.batch_size": 32},
    "digitsm-digits-dann": {"data.batch_size": 16, "sample.times": 1},
}  # fmt: skip
"""Short forms of a recipe of each kind of method, all on data that is always there."""

LONGEST_WAIT = 10.0
"""Seconds that a moment which may never come is waited for."""
MOMENTS = {
    "a record": 0.05, "a checkpoint": 0.02, "a visit": 0.6, "the end": 0.1, "a start": 4.0, "any time": 4.0,
}  # fmt: skip
"""What a kill waits for, and within how many seconds afterwards it comes."""
EXPORTS = ("results.csv", "results.json", "results.html", "results.tex", "results.md")
VISITS = (b'"phase":"sampling"', b'"phase":"evaluating"', b'"phase":"making the report"')


def short_recipe(name: str) -> Recipe:
    values = {**SHORT, **KINDS[name]}
    return load(name, [f"{key}={json.dumps(value)}" for key, value in values.items()], quick=True)


def trainers(home: Path) -> list[int]:
    return processes("engine", "--attempt", str(home))


class App:
    """The app in a terminal that somebody reads, or none while ``terminal`` is None."""

    def __init__(self, home: Path):
        self._home = home
        self.terminal: Terminal | None = None
        self.written = bytearray()

    def start(self) -> None:
        if self.terminal is None:
            self.terminal = Terminal(self._home)
            self._reader = threading.Thread(target=self._read, args=(self.terminal.fd,), daemon=True)
            self._reader.start()

    def _read(self, fd: int) -> None:
        with contextlib.suppress(OSError):  # the end of a terminal whose program is gone
            while data := os.read(fd, 1 << 16):
                self.written += data

    def kill(self) -> bool:
        """Kill the app. Returns whether there was one."""
        if self.terminal is None:
            return False
        assert os.waitpid(self.terminal.pid, os.WNOHANG) == (0, 0), (
            f"it had ended: {bytes(self.written[-4000:])!r}"
        )
        os.kill(self.terminal.pid, signal.SIGKILL)
        os.waitpid(self.terminal.pid, 0)
        self.terminal.pid = 0
        self._reader.join(10)
        self.terminal.close()
        self.terminal = None
        return True


class Soak:
    """The home, its processes and the person. Whatever it draws is drawn from ``chance``."""

    def __init__(self, home: Path, exports: Path, chance: random.Random):
        self.home, self.exports, self.chance = home, exports, chance
        self.app = App(home)
        self.exporter: subprocess.Popen[str] | None = None
        self.exported = self.kills = 0
        self.history: list[str] = []
        """What was done, for whoever reads of a failure."""
        self.ends: dict[tuple[str, int], str] = {}
        """The end of each attempt as it was first recorded."""
        self._names: Iterator[str] = iter(())

    # -- the person ------------------------------------------------------------------------------------

    def gentui(self, *words: str) -> str:
        """Run a command to its end, which succeeds: its output."""
        done = subprocess.run(self._command(*words), capture_output=True, text=True, env=self._environment)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "GENTUI_HOME": str(self.home)}

    @staticmethod
    def _command(*words: str) -> list[str]:
        return [sys.executable, "-P", "-m", "gentui", *words]

    def launch(self) -> None:
        """Queue a run of the next recipe."""
        name = next(self._names, None)
        if name is None:
            self._names = iter(self.chance.sample(list(KINDS), len(KINDS)))
            name = next(self._names)
        jobs.launch(self.home, short_recipe(name), name=name, command=["gentui", "run", name])

    def unfinished(self) -> list[RunDir]:
        return [run for run in list_runs(self.home) if run.read_state().status != "done"]

    def act(self) -> None:
        """What a person does next, who may have noticed."""
        ended = [run for run in self.unfinished() if run.read_state().ended]
        what = self.chance.choice(("nothing", "resume", "resume", "runs", "app"))
        self.history.append(f"person: {what}")
        if what == "resume" and ended:
            self.gentui("resume", self.chance.choice(ended).id)
        elif what == "runs":
            self.check_list(json.loads(self.gentui("runs", "--json")))
        elif what == "app":
            self.app.start()
        if len(self.unfinished()) < 2:
            self.launch()
        if not workers(self.home) and not trainers(self.home):
            self.go_on()

    def go_on(self) -> None:
        """See that something is trained: resume every run that has ended too early."""
        jobs.reconcile_and_spawn(self.home)
        for run in self.unfinished():
            if run.read_state().ended:
                jobs.resume(self.home, run.id)

    def export(self) -> None:
        """Start an export or a report, unless one is being made."""
        if self.exporter is not None and self.exporter.poll() is None:
            return
        self.exporter_ended()
        runs = list_runs(self.home)
        if self.chance.random() < 0.4:
            words = ["report", *(run.id for run in runs[-2:]), "-o", str(self.exports / "report")]
        else:
            words = ["export", "-o", str(self.exports / self.chance.choice(EXPORTS))]
        self.exporter = subprocess.Popen(
            self._command(*words), env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )  # fmt: skip

    def exporter_ended(self) -> None:
        """Wait for the export that is being made, which succeeds unless it was killed."""
        if self.exporter is not None:
            output, _ = self.exporter.communicate()
            assert self.exporter.returncode in (0, -signal.SIGKILL), output
            self.exported += self.exporter.returncode == 0
            self.exporter = None
        self.check_exports()

    # -- kills -----------------------------------------------------------------------------------------

    def kill_at_a_moment(self) -> None:
        """Wait for a moment, then kill what has been chosen, if it lives."""
        chance = self.chance
        what = chance.choices(
            ("trainer", "worker", "worker and trainer", "app", "exporter"), (25, 30, 5, 15, 25)
        )[0]
        moment = "any time" if what in ("app", "exporter") else chance.choice(list(MOMENTS))
        self._wait_for(moment)
        killed = 0
        if what == "app":
            killed += self.app.kill()
            if not killed:
                self.app.start()
        elif what == "exporter":
            if self.exporter is not None and self.exporter.poll() is None:
                self.exporter.kill()
                killed += 1
        else:
            pids = (workers(self.home) if "worker" in what else []) + (
                trainers(self.home) if "trainer" in what else []
            )
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
        self.kills += killed
        self.history.append(f"killed {killed}: {what} at {moment}")

    def _wait_for(self, moment: str) -> None:
        """Wait until ``moment`` or for LONGEST_WAIT, and a little longer."""
        came = self._condition(moment)
        deadline = time.monotonic() + (0.0 if moment == "any time" else LONGEST_WAIT)
        while time.monotonic() < deadline and not came():
            time.sleep(0.002)
        time.sleep(self.chance.uniform(0.0, MOMENTS[moment]))

    def _condition(self, moment: str) -> Callable[[], bool]:
        if moment == "a start":
            before = set(trainers(self.home))
            return lambda: bool(set(trainers(self.home)) - before)
        running = [run for run in self.unfinished() if run.read_state().status == "running"]
        if not running:
            return lambda: bool(trainers(self.home))
        run = running[0]
        if moment == "a checkpoint":
            return lambda: any(path.name.startswith(".new-") for path in run.checkpoints.iterdir())
        log = run.events_path(run.read_state().attempt)
        begin = log.stat().st_size if log.exists() else 0
        more = self.chance.randint(1, 30)

        def new() -> bytes:
            if not log.exists():
                return b""
            with log.open("rb") as file:
                file.seek(begin)
                return file.read()

        match moment:
            case "a visit":
                return lambda: any(words in new() for words in VISITS)
            case "the end":
                return lambda: b'"status":"done"' in new()
        return lambda: new().count(b"\n") >= more

    # -- what holds at every moment --------------------------------------------------------------------

    def check_ends(self) -> None:
        """An end that is recorded is true: it agrees with the log, nothing lives, and it is never another later."""
        for run in list_runs(self.home):
            state = read_state(run)
            assert state is not None, f"{run.state_path} is not whole"
            if not state.ended:
                continue
            before = self.ends.setdefault((run.id, state.attempt), state.status)
            assert before == state.status, f"{run.id}: {before} became {state.status}"
            said = reported_outcome(run, state.attempt).get("status")
            assert (state.status == "done") == (said == "done"), (run.id, state, said)
            assert (state.status, state.reason) in (
                ("done", ""), ("failed", "killed by signal 9"),
                ("lost", "the trainer vanished while no worker was watching it"),
            ), (run.id, state)  # fmt: skip
            assert state.exit_code in (0, None) and state.signal in (signal.SIGKILL, None), (run.id, state)
            wait_for(
                lambda run=run, state=state: _has_ended(run, state), f"{run.id} to be ended as {state} says"
            )

    def check_list(self, rows: list[dict[str, Any]]) -> None:
        """``gentui runs --json`` lists every run, and what it calls running had a process when it looked."""
        assert {row["id"] for row in rows} >= {run.id for run in list_runs(self.home)[:-1]}
        for row in rows:
            if row["status"] == "running":
                run = RunDir(self.home / "runs" / row["id"])
                wait_for(lambda run=run: _is_true_to_life(run), f"{row} to be true, or no longer said")

    def check_exports(self) -> None:
        """Every exported file is whole, and nothing is left of those that were being written but hidden files."""
        for path in self.exports.rglob("*"):
            if path.is_file() and not path.name.startswith("."):
                check_whole(path)


def _has_ended(run: RunDir, state: State) -> bool:
    return not run.is_alive() or run.read_state() != state


def _is_true_to_life(run: RunDir) -> bool:
    """Whether the run has a process or is not said to be running; it may have ended since it was listed."""
    state = jobs.settled(run)
    return run.is_alive() or (state is not None and state.status != "running")


def check_whole(path: Path) -> None:
    """A table, a page or a picture can be read to its end."""
    data = path.read_bytes()
    assert data, f"{path} is empty"
    match path.suffix:
        case ".csv":
            rows = list(csv.reader(data.decode().splitlines()))
            assert data.endswith(b"\n") and len({len(row) for row in rows}) == 1, f"{path} is not whole"
        case ".json":
            json.loads(data)
        case ".html":
            assert data.rstrip().endswith(b"</html>"), f"{path} is not whole"
        case ".tex":
            assert data.count(b"\\begin{") == data.count(b"\\end{") > 0, f"{path} is not whole"
        case ".png":
            assert data.rstrip().endswith(b"IEND\xaeB`\x82"), f"{path} is not whole"
        case ".gif":
            assert data.endswith(b";"), f"{path} is not whole"
        case _:
            assert data.endswith(b"\n"), f"{path} is not whole"
