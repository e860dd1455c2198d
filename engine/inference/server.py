"""Server that keeps a checkpoint loaded to draw from: ``python -P -m engine.inference.server RUN_DIR --device D``.

The playground uses it, so that a picture does not wait for torch to start. Requests are lines of JSON on stdin:

    {"id": 1, "arguments": ["--n=4", …]}             draw, with the arguments of ``engine.inference.sample``
    {"id": 2, "save": FILE}                          save the newest drawing
    {"id": 3, "read": "best"}                        load a checkpoint

Answers are lines of JSON on stdout:

    {"folder": …}                                    once, at the start: the temporary folder of the pictures
    {"conditions": {…}, "conditional": …, "step": …} whenever a checkpoint has been loaded
    {"id": 1, "done": 3, "of": 18, "path": …, …}     a preview while sampling, a few times per second
    {"id": 1, "path": …, "rows": …, "columns": …}    the finished picture: its grid, the ``count`` of its images and,
                                                     of several labels, the ``names`` of theirs
    {"id": 1, "error": …}                            a message for the user

When the other end of stdin or stdout is closed, the process ends at once, whatever it is doing, and removes its
folder.
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
import traceback
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from torch import Tensor

from engine.data.dataset import to_uint8
from engine.figures.grid import save_grid
from engine.inference.loading import (
    ExitWithMessage,
    Trained,
    enough_memory,
    load_or_exit,
    release_unused_memory,
)
from engine.inference.sample import Drawing, Preview, argument_parser, draw
from engine.runs.directory import CheckpointChoice, RunDir, parse_checkpoint
from engine.training import checkpoint

PREVIEW_SECONDS = 0.2
KEPT = 8
"""Finished pictures that stay in the folder; the app can bring back as many."""


class NobodyListens(BaseException):
    """The other end of stdout is closed. No error of a request, which would be answered."""


class Server:
    """Answers one request after the other, on one run."""

    def __init__(self, run: RunDir, device: str, folder: Path):
        self._run, self._device, self._folder = run, device, folder
        self._trained: tuple[Path, Trained] | None = None
        self._drawing: Drawing | None = None
        self._pictures: deque[Path] = deque(maxlen=KEPT)
        self._writing = threading.Lock()
        """Held while a picture is written, so that the process does not end within a write."""

    def end(self, code: int) -> NoReturn:
        """End the process at once, whatever its other threads do, and remove its folder."""
        # What is being written takes long where training has the processor.
        self._writing.acquire(timeout=60.0)
        shutil.rmtree(self._folder, ignore_errors=True)
        os._exit(code)

    def answer(self, request: dict[str, Any]) -> None:
        """Do what a request asks for and send the answers, including errors."""
        number = request["id"]
        try:
            with enough_memory(self._device):
                if "read" in request:
                    self._load(parse_checkpoint(request["read"]))
                elif "save" in request:
                    self._save(number, Path(request["save"]))
                else:
                    self._draw(number, request["arguments"])
        except ExitWithMessage as error:
            send(id=number, error=error.message)
        except OSError as error:
            send(id=number, error=f"it cannot be written: {error.strerror or error}")
        except (Exception, SystemExit) as error:
            send(id=number, error=f"{type(error).__name__}: {error}")
        finally:
            release_unused_memory()

    def _draw(self, number: int, arguments: list[str]) -> None:
        options = argument_parser().parse_args(arguments)
        trained = self._load(options.checkpoint)
        self._remove_old_pictures()
        drawing = self._drawing = draw(trained, options, needs_film=True, preview=self._previewer(number))
        path = self._folder / (f"{number}.gif" if options.to_seed is not None else f"{number}.png")
        with self._writing:
            drawing.save(path)
        self._pictures.append(path)
        if path.suffix == ".gif":
            layout = _layout(len(drawing.film[-1]), drawing.film_columns, drawing.names)
        else:
            layout = _layout(len(drawing.images), drawing.columns, drawing.names, drawing.column_names)
        send(id=number, path=str(path), which=_word(trained.which), step=trained.step, **layout)

    def _previewer(self, number: int) -> Preview:
        """A function that saves and announces the images so far, at most every ``PREVIEW_SECONDS``."""
        path, previous = self._folder / f"live-{number}.png", 0.0

        def preview(done: int, total: int, images: Tensor, columns: int, names: Sequence[str]) -> None:
            nonlocal previous
            if (now := time.monotonic()) < previous + PREVIEW_SECONDS or done == total:
                return
            previous = now
            with self._writing:
                save_grid(to_uint8(images).cpu(), path, columns)
            send(id=number, done=done, of=total, path=str(path), **_layout(len(images), columns, names))

        return preview

    def _remove_old_pictures(self) -> None:
        """Remove all but the newest pictures, which are still displayed."""
        for old in self._folder.iterdir():
            if old not in self._pictures:
                old.unlink()

    def _save(self, number: int, path: Path) -> None:
        if self._drawing is None:
            send(id=number, error="nothing was drawn yet")
            return
        with self._writing:
            self._drawing.save(path)
        send(id=number, saved=str(path))

    def _load(self, which: CheckpointChoice | None) -> Trained:
        """Load a checkpoint, unless it is loaded already: a run in training replaces its checkpoints."""
        which = which or checkpoint.default(self._run)
        try:
            folder = checkpoint.resolve(self._run, which)
        except checkpoint.CheckpointError:
            folder = Path()  # loading it reports the error
        if self._trained is None or self._trained[0] != folder or self._trained[1].which != which:
            trained = load_or_exit(self._run, self._device, which)
            self._trained = (folder, trained)
            conditional = getattr(trained.method, "conditional", False)
            send(
                conditions=trained.conditions.state(), conditional=conditional, which=_word(which), step=trained.step,
                device=str(trained.device),
            )  # fmt: skip
        return self._trained[1]


def _word(which: CheckpointChoice) -> str:
    return which if isinstance(which, str) else "kept"


def _layout(
    images: int, columns: int, names: Sequence[str], column_names: Sequence[str] = ()
) -> dict[str, Any]:
    """How the ``images`` of a grid are laid out, and the names of their labels and of its columns, if they have any."""
    layout: dict[str, Any] = {"rows": -(-images // columns), "columns": columns, "count": images}
    named = {"names": list(names), "column_names": list(column_names)}
    return layout | {key: value for key, value in named.items() if value}


def send(**fields: Any) -> None:
    """Send an answer: a line of JSON on stdout. Raises NobodyListens when its other end is closed."""
    try:
        print(json.dumps(fields), flush=True)
    except BrokenPipeError as error:
        raise NobodyListens from error


def main(arguments: list[str] | None = None) -> NoReturn:
    """Answer requests until stdin ends."""
    parser = argparse.ArgumentParser(prog="python -m engine.inference.server")
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(arguments)
    os.nice(10)  # training comes first
    folder = Path(tempfile.mkdtemp(prefix="gentui-playground-"))
    server = Server(RunDir(options.run_dir), options.device, folder)
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def read() -> None:
        code = 1
        try:
            for line in sys.stdin:
                requests.put(json.loads(line))
            code = 0
        finally:
            server.end(code)

    threading.Thread(target=read, daemon=True).start()
    try:
        send(folder=str(folder))
        while True:
            server.answer(requests.get())
    except NobodyListens:
        server.end(0)
    except BaseException:
        traceback.print_exc()
        server.end(1)


if __name__ == "__main__":
    main()
