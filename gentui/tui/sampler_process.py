"""The process that draws for the playground. It ends with the app, whatever happens to that: its stdin does."""

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

PATIENCE = 3.0  # seconds from the end of its stdin until it is killed
SERVER = (sys.executable, "-P", "-m", "engine.inference.server")


class SamplerProcess:
    """``engine.inference.server`` on a run's checkpoints. ``heard`` gets its answers, in a thread of this object's own;
    the last is ``{"ended": sentence}``, unless ``end`` was called."""

    def __init__(self, run: Path, device: str, heard: Callable[[SamplerProcess, dict[str, Any]], None]):
        self._heard = heard
        self._folder: Path | None = None
        self._is_over = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the process
        self._number = 0
        self.process = subprocess.Popen(
            [*SERVER, str(run), "--device", device],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._listen, name="gentui-drawer", daemon=True).start()

    def ask(self, **words: Any) -> int:
        """Send a request; its number, which the answers bear as ``id``."""
        self._number += 1
        assert self.process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # it may have ended: its last word says why
            self.process.stdin.write(json.dumps({"id": self._number, **words}).encode() + b"\n")
            self.process.stdin.flush()
        return self._number

    def end(self) -> None:
        """Have it end now, whatever it is doing. Returns at once."""
        if not self._is_over:
            self._is_over = True
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
        if self._folder is not None:  # for one that was killed
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
                elif not self._is_over:
                    self._heard(self, answer)
        code = self.process.wait()
        if not self._is_over:
            self._errors.seek(0)
            said = self._errors.read()[-4096:].decode("utf-8", "replace").strip().splitlines()
            why = clean(said[-1], 300) if said else f"exit code {code}"
            self._heard(self, {"ended": why})
        self._errors.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
