"""A small world for cases of the command line: a home with runs of every kind, a folder with files of every kind, and a
user of its own. What would start a process, open the app, wait or ask the network only pretends."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import types
import unicodedata
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click.testing
import pytest
from click.testing import CliRunner, Result

from engine.recipes.recipe import load
from engine.runs.directory import RunDir, State
from gentui.cli import main as cli
from gentui.cli.errors import Exit
from gentui.index import Index
from gentui.jobs import trash
from gentui.jobs.launchers.local.processes import WORKER
from gentui.jobs.states import queue, update_state
from tests.support.cases import LONGEST_S, limited
from tests.support.fence import Fence, fenced
from tests.support.hostile import LONE, NASTY, SHORT, toml
from tests.support.runs import Runs

DESIGNED = {Exit.OK, Exit.RUN_FAILED, Exit.USAGE, Exit.NOT_FOUND, Exit.CANNOT, Exit.INTERRUPTED}
PATIENCE = 40
"""Waits until the pretended user presses Ctrl-C."""
RUNS = ("alpha", "beta", "waiting", "hostile", "trashed", "evaluation", "imported")
"""Runs and an evaluation of the home; as a word of a command, ``@alpha`` is the id of the first."""
FILES = ("table.csv", "lines.jsonl", "mine.toml", "wrong.toml", "labels.txt", "folder", "fifo.csv", "loop.csv",
    "gone.csv",
         "empty.csv", "picture.png", "out.npz", "new.png", "new.csv", "new", "folder/new.html")  # fmt: skip


Entries = list[tuple[str, int, int, int, int]]


class Process:
    """Instead of a process: a worker ends every job of its queue at once, anything else has succeeded."""

    returncode, pid, stdin, stdout, stderr = 0, 2**30, None, None, None

    def __init__(self, argv: list[str], **options: Any):
        self.args, self._is_text = argv, bool(options.get("text"))
        if WORKER in argv:
            for number, (job, _) in enumerate(queue(Path(argv[argv.index("--home") + 1]))):
                status, code = (("done", 0), ("failed", 1), ("failed", 4))[number % 3]
                if not (job.path / "scores.json").exists():
                    (job.path / "scores.json").write_text("[]")
                now = time.time()
                update_state(job, lambda state, status=status, code=code, now=now: state.with_(
                    status=status, started_at=now, ended_at=now, exit_code=code, attempt=1))  # fmt: skip

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def communicate(self, *_: object, **__: object) -> tuple[Any, Any]:
        return ("", "") if self._is_text else (b"", b"")

    def poll(self) -> int:
        return 0

    def wait(self, timeout: float | None = None) -> int:
        return 0

    kill = terminate = send_signal = poll


class World:
    """``root`` holds ``home``, ``cwd`` and ``user``, made anew for each case; ``ids`` are those of ``RUNS``."""

    def __init__(self, root: Path):
        self.root, self._template = root / "now", root / "template"
        self.home, self.cwd, self.user = (self.root / name for name in ("home", "cwd", "user"))
        for folder in (self.home, self.cwd, self.user):
            folder.mkdir(parents=True, mode=0o700)
        self.ids = self._make_runs()
        self._make_files()
        self._waits = 0
        self._made: tuple[bool, Entries] | None = None
        Index(self.home).refresh(wait=2.0)  # what an index command finds in place, as in most homes
        self.root.rename(self._template)

    @contextmanager
    def case(self, seconds: float = LONGEST_S, is_empty: bool = False) -> Iterator[Fence]:
        """The world as at first, or ``is_empty``, with the working directory in it. Fails if the case takes longer."""
        if self._made != (is_empty, _entries(self.root)):  # most cases leave it as it was
            self._make(is_empty)
            self._made = is_empty, _entries(self.root)
        before, self._waits = Path.cwd(), 0
        os.chdir(self.cwd)
        try:
            with limited(seconds), fenced(self.root) as fence:
                yield fence
        finally:
            os.chdir(before)

    def _make(self, is_empty: bool) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        if is_empty:
            for folder in (self.home, self.cwd, self.user):
                folder.mkdir(parents=True, mode=0o700)
        else:
            shutil.copytree(self._template, self.root, symlinks=True, ignore=_fifos)
            os.mkfifo(self.cwd / "fifo.csv")

    def invoke(self, *arguments: str) -> Result:
        """Call the command line in this process, as ``main`` would."""

        class Entry:
            name = "gentui"

            @staticmethod
            def main(args: list[str], prog_name: str, **_: Any) -> None:
                cli.main([*args])

        words = [self.ids.get(word.removeprefix("@"), word) if word[:1] == "@" else word for word in arguments]
        return CliRunner().invoke(Entry, words)  # type: ignore[arg-type]

    def pretend(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let nothing start, wait or connect."""
        for name, folder in {
            "HOME": "", "GENTUI_CONFIG": "config", "GENTUI_DATA": "data", "XDG_CACHE_HOME": "cache",
            "XDG_DATA_HOME": "share", "TORCH_HOME": "torch",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, str(self.user / folder))
        monkeypatch.setenv("GENTUI_HOME", str(self.home))
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setattr(subprocess, "Popen", Process)
        monkeypatch.setattr(time, "sleep", self._wait)
        monkeypatch.setattr(os, "execvp", _replaced)
        monkeypatch.setattr(urllib.request, "urlopen", _unreachable)
        app = types.SimpleNamespace(run=lambda *_: None)
        monkeypatch.setitem(sys.modules, "gentui.tui.app", app)
        if "gentui.tui" in sys.modules:
            monkeypatch.setattr("gentui.tui.app", app, raising=False)

    def on_terminal(self, monkeypatch: pytest.MonkeyPatch, is_terminal: bool) -> None:
        """Whether stdin and stdout are a terminal."""
        monkeypatch.setattr(click.testing._NamedTextIOWrapper, "isatty", lambda stream: is_terminal
                            and getattr(stream, "name", "") != "<stderr>", raising=False)  # fmt: skip

    def _wait(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self._waits += 1
        if self._waits > PATIENCE and threading.current_thread() is threading.main_thread():
            signal.raise_signal(signal.SIGINT)

    def _make_runs(self) -> dict[str, str]:
        runs = Runs(self.home)
        made = {
            "alpha": runs.make(name="alpha", steps=12, total=12, samples=1),
            "beta": runs.make("digits-vae", "failed", 8, 12, name="beta", samples=0, reason=NASTY, alerts=1),
            "waiting": runs.make("digits-unet", "queued", 0, 12, name="waiting"),
            "hostile": runs.make(name=LONE[:80], steps=8, total=12, samples=0, log=_bytes(f"{LONE}\n{NASTY}")),
            "trashed": runs.make(name="trashed", steps=4, total=4, samples=0, fid=None),
            "imported": runs.make(name="imported", steps=4, total=4, samples=0, fid=None),
        }
        made["imported"].update_info(imported={"from": "csv", "path": str(self.cwd / "table.csv")})
        hostile = made["hostile"]
        runs.event(hostile, "alert", 8, severity=SHORT, name=SHORT, sentence=NASTY, cause=NASTY, remedy=NASTY)
        runs.event(hostile, "metrics", 9, values={SHORT: 1.0, "loss": float("nan"), f"health/{SHORT}": 3.0})
        runs.event(hostile, "sample", 9, path="../../../etc/passwd", rows=1, columns=1, caption=NASTY)
        runs.event(hostile, "figure", 9, name=SHORT, path="figures/x.png", caption=SHORT)
        marks = {"tags": [SHORT, "keep"], "notes": f"{LONE}\n{NASTY}"}
        (hostile.path / "marks.json").write_text(json.dumps(marks))
        (hostile.path / "architecture.txt").write_text(f"{NASTY}: 3 parameters\n{NASTY}")
        step = made["alpha"].checkpoints / "step-000000012"
        step.mkdir()
        for which in ("last", "best", "kept-000000012"):
            (made["alpha"].checkpoints / which).symlink_to(step.name)
        trash.move_to_trash(self.home, made["trashed"], [])
        return {name: run.id for name, run in made.items()} | {"evaluation": self._evaluation(made["alpha"])}

    def _evaluation(self, run: RunDir) -> str:
        folder = self.home / "evaluations" / f"eval-{run.id}"
        folder.mkdir(parents=True)
        (folder / "job.json").write_text(json.dumps({"run": run.id, "options": {}, "command": ["gentui"]}))
        state = State(
            "failed", reason=NASTY, attempt=1, queued_at=1e9, started_at=1e9, ended_at=1e9, exit_code=1
        )
        (folder / "state.json").write_text(json.dumps(vars(state)))
        (folder / "log.txt").write_bytes(_bytes(f"{NASTY}\nerror: {NASTY}\n"))
        (folder / "lock").touch()
        return folder.name

    def _make_files(self) -> None:
        put = lambda name, data: (self.cwd / name).write_bytes(data)  # noqa: E731
        put("table.csv", b"step,loss\n1,0.5\n2,0.25\n")
        put("lines.jsonl", b'{"step": 1, "loss": 0.5}\n')
        put("mine.toml", load("digits-unet").to_toml().encode())
        put("wrong.toml", f"title = {toml(NASTY)}\n[optim]\nlr = {toml(SHORT)}\n{toml(NASTY)} = 1\n".encode())
        put("labels.txt", b"0\n1\n")
        put("empty.csv", b"")
        put("picture.png", b"\x89PNG\r\n\x1a\n")
        put("out.npz", b"PK")
        (self.cwd / "folder").mkdir()
        (self.cwd / "loop.csv").symlink_to("loop.csv")
        (self.cwd / "gone.csv").symlink_to("nowhere")


def faults_of(result: Result, fence: Fence, is_terminal: bool) -> list[str]:
    """What must not be: an exception, an exit code that was not designed, a failure without a word, control characters
    on a terminal, or a deed beyond the fence."""
    found = [f"beyond the fence: {deed}" for deed in fence.crossed]
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        found.append(f"{type(result.exception).__name__}: {result.exception}")
    elif result.exit_code not in DESIGNED:
        found.append(f"exit code {result.exit_code}")
    elif result.exit_code not in (Exit.OK, Exit.INTERRUPTED) and not result.output.strip():
        found.append(f"no word about exit code {result.exit_code}")
    if "Traceback (most recent call last)" in result.output:
        found.append("a traceback")
    for stream, text in (("stderr", result.stderr), ("stdout", result.stdout if is_terminal else "")):
        if acts := sorted({f"{character!a}" for character in text if acts_on_terminal(character)}):
            found.append(f"{stream} has {', '.join(acts)}")
    return found


def acts_on_terminal(character: str) -> bool:
    """Whether it is more than a visible character, a space or the end of a line."""
    return character != "\n" and unicodedata.category(character) in ("Cc", "Cf", "Cs")


def _entries(folder: Path) -> Entries:
    """What is under a folder: each path with what changes when it is written to, replaced or shut off."""
    found: Entries = []
    with suppress(FileNotFoundError):
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            status = entry.stat(follow_symlinks=False)
            found.append((entry.path, status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino))
            if entry.is_dir(follow_symlinks=False):
                found += _entries(Path(entry.path))
    return found


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _fifos(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "fifo.csv"]


def _replaced(*_: object) -> None:
    raise SystemExit(0)


def _unreachable(*_: object, **__: object) -> io.BytesIO:
    raise urllib.error.URLError("pretended to be offline")
