"""The trainer's standard output, which is the run's ``log.txt``. Torch-free."""

from __future__ import annotations

import io
import sys
from typing import Any

from engine.runs.files import FULL


class _Output(io.FileIO):
    """An output of which a full disk swallows some text, without an error that would end what was printing."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in FULL:
                raise
            return memoryview(data).nbytes


def survive_full_disks() -> None:
    """Let no print to stdout or stderr fail because the disk is full."""
    sys.stdout, sys.stderr = _forgiving(1, sys.stdout), _forgiving(2, sys.stderr)


def _forgiving(descriptor: int, stream: Any) -> Any:
    """A text stream on ``descriptor``; ``stream`` itself if it is not the process's own."""
    try:
        if stream.fileno() != descriptor:
            return stream
        stream.flush()
    except (AttributeError, OSError, ValueError):  # there is none, or it was replaced
        return stream
    output = io.BufferedWriter(_Output(descriptor, "w", closefd=False))
    return io.TextIOWrapper(output, stream.encoding, stream.errors, line_buffering=True)
