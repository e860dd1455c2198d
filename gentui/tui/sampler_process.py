"""The process that draws images for the playground. It ends when its stdin is closed, so it never outlives the app."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gentui.text.sanitize import clean

PATIENCE = 3.0
"""Seconds after the end of its stdin until it is killed."""
SERVER = (sys.executable, "-P", "-m", "engine.inference.server")


class SamplerProcess:
    """A sampling server (``engine``) for the checkpoints of the run in the directory ``run``.

    ``on_answer(self, answer)`` is called with each answer, in a thread of this object. The last answer is
    ``{"ended": reason}``, unless ``end`` was called.
    """

    def __init__(self, run: Path, device: str, on_answer: Callable[[SamplerProcess, dict[str, Any]], None]):
        self._on_answer = on_answer
        self._folder: Path | None = None
        self._is_ended = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the process runs
        self._number = 0
        self.process = subprocess.Popen(
            [*SERVER, str(run), "--device", device],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._listen, name="gentui-drawer", daemon=True).start()

    def ask(self, **request: Any) -> int:
        """Send a request. Return its number, which is the ``id`` of its answers."""
        self._number += 1
        assert self.process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # it may have ended: its last answer says why
            self.process.stdin.write(json.dumps({"id": self._number, **request}).encode() + b"\n")
            self.process.stdin.flush()
        return self._number

    def end(self) -> None:
        """End the process, whatever it is doing. Return at once."""
        if not self._is_ended:
            self._is_ended = True
            threading.Thread(target=self._end, name="gentui-drawer-end", daemon=True).start()

    def _end(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self._folder is not None:  # left behind if it was killed
            shutil.rmtree(self._folder, ignore_errors=True)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as answers:
            for line in answers:
                try:
                    answer = json.loads(line)
                except ValueError:
                    continue
                if "folder" in answer:
                    self._folder = Path(answer["folder"])
                elif not self._is_ended:
                    self._on_answer(self, answer)
        code = self.process.wait()
        if not self._is_ended:
            self._errors.seek(0)
            errors = self._errors.read()[-4096:].decode("utf-8", "replace").strip().splitlines()
            reason = clean(errors[-1], 300) if errors else f"exit code {code}"
            self._on_answer(self, {"ended": reason})
        self._errors.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
