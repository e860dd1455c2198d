"""A run's checkpoint kept ready to draw from: ``python -P -m engine.inference.server RUN_DIR --device D``.

For the playground, which would otherwise wait for torch before every picture. Requests are lines of JSON on stdin:

    {"id": 1, "arguments": ["--n=4", …]}             draw, with arguments as ``engine.inference.sample`` takes them
    {"id": 2, "save": FILE}                          what was drawn last
    {"id": 3, "read": "best"}                        have a checkpoint ready

Answers are lines of JSON on stdout:

    {"folder": …}                                    once, at the start: where pictures are kept meanwhile
    {"conditions": {…}, "conditional": …, "step": …} whenever a checkpoint was read
    {"id": 1, "done": 3, "of": 18, "path": …, …}     as the images come out of the noise, some times a second
    {"id": 1, "path": …, "rows": …, "columns": …}    they are done
    {"id": 1, "error": …}                            a sentence

At the end of stdin, whatever is under way, the process ends and its folder is gone with it.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from torch import Tensor

from engine.data.dataset import to_uint8
from engine.figures.grid import save_grid
from engine.inference.loading import Left, Trained, enough_memory, give_back_memory, or_exit
from engine.inference.sample import Drawing, argument_parser, drawing
from engine.runs.directory import CheckpointChoice, RunDir, parse_checkpoint
from engine.training import checkpoint

EVERY = 0.2  # seconds between two pictures of the process


class Server:
    """Answers one request after the other."""

    def __init__(self, run: RunDir, device: str, folder: Path):
        self._run, self._device, self._folder = run, device, folder
        self._trained: tuple[Path, Trained] | None = None
        self._drawing: Drawing | None = None
        self._shown: Path | None = None
        self.writing = threading.Lock()

    def answer(self, request: dict[str, Any]) -> None:
        number = request["id"]
        try:
            with enough_memory(self._device):
                if "read" in request:
                    self._load(parse_checkpoint(request["read"]))
                elif "save" in request:
                    self._save(number, Path(request["save"]))
                else:
                    self._draw(number, request["arguments"])
        except Left as leaving:
            say(id=number, error=leaving.sentence)
        except OSError as error:
            say(id=number, error=f"it cannot be written: {error.strerror or error}")
        except (Exception, SystemExit) as error:
            say(id=number, error=f"{type(error).__name__}: {error}")
        finally:
            give_back_memory()

    def _draw(self, number: int, arguments: list[str]) -> None:
        options = argument_parser().parse_args(arguments)
        trained = self._load(options.checkpoint)
        live, shown = self._folder / f"live-{number}.png", 0.0
        for old in self._folder.iterdir():
            if old != self._shown:
                old.unlink()

        def watch(done: int, of: int, images: Tensor, columns: int) -> None:
            nonlocal shown
            if (now := time.monotonic()) < shown + EVERY or done == of:
                return
            shown = now
            with self.writing:
                save_grid(to_uint8(images).cpu(), live, columns)
            say(id=number, done=done, of=of, path=str(live), **_layout(len(images), columns))

        made = self._drawing = drawing(trained, options, moves=True, watch=watch)
        path = self._folder / (f"{number}.gif" if options.to_seed is not None else f"{number}.png")
        with self.writing:
            made.save(path)
        self._shown = path
        images, columns = (
            (made.film[-1], made.film_columns) if path.suffix == ".gif" else (made.images, made.columns)
        )
        say(
            id=number,
            path=str(path),
            which=_word(trained.which),
            step=trained.step,
            **_layout(len(images), columns),
        )

    def _save(self, number: int, path: Path) -> None:
        if self._drawing is None:
            say(id=number, error="nothing was drawn yet")
            return
        with self.writing:
            self._drawing.save(path)
        say(id=number, saved=str(path))

    def _load(self, which: CheckpointChoice | None) -> Trained:
        """The checkpoint as it is now: a run in training writes others."""
        wanted = which or ("best" if checkpoint.exists(self._run, "best") else "last")
        try:
            place = checkpoint.resolve(self._run, wanted)
        except checkpoint.CheckpointError:
            place = Path()  # reading it says so
        if self._trained is None or self._trained[0] != place or self._trained[1].which != wanted:
            trained = or_exit(self._run, self._device, wanted)
            self._trained = (place, trained)
            conditional = getattr(trained.method, "conditional", False)
            say(
                conditions=trained.conditions.state(), conditional=conditional, which=_word(wanted), step=trained.step,
                device=str(trained.device),
            )  # fmt: skip
        return self._trained[1]


def _word(which: CheckpointChoice) -> str:
    return which if isinstance(which, str) else "kept"


def _layout(images: int, columns: int) -> dict[str, int]:
    return {"rows": -(-images // columns), "columns": columns}


def say(**words: Any) -> None:
    print(json.dumps(words), flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine.inference.server")
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(arguments)
    os.nice(10)  # training comes first
    folder = Path(tempfile.mkdtemp(prefix="gentui-playground-"))
    server = Server(RunDir(options.run_dir), options.device, folder)
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def read() -> None:
        try:
            for line in sys.stdin:
                requests.put(json.loads(line))
        finally:
            server.writing.acquire(timeout=2.0)
            shutil.rmtree(folder, ignore_errors=True)
            os._exit(0)

    say(folder=str(folder))
    threading.Thread(target=read, daemon=True).start()
    while True:
        server.answer(requests.get())


if __name__ == "__main__":
    sys.exit(main())
