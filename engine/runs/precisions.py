"""The precisions that a home remembers, so that the seeds of one experiment never mix two of them. Torch-free.

``$GENTUI_HOME/precisions/<key>.json`` holds the choice for one kind of net on one kind of device. Deleting it makes the
next run choose anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from engine.runs.directory import RunDir, exclusive, is_run_id
from engine.runs.files import DIR_MODE, read_object, write_atomically

PRECISIONS = ("fp32", "bf16", "fp16")
TEXTS = ("reason", "chosen", "device")

Remembered = dict[str, Any]
"""A choice: ``precision``, and the texts ``reason``, ``chosen`` (when: an ISO date and time) and ``device``."""


def home_of(run: RunDir) -> Path | None:
    """The home that a run lies in; None for a run directory anywhere else."""
    if run.path.parent.name != "runs" or not is_run_id(run.id):
        return None
    if named := os.environ.get("GENTUI_HOME"):
        home = Path(named).expanduser()
        try:
            if (home / "runs" / run.id).samefile(run.path):
                return home  # its folder of runs may be a link to another disk
        except OSError:
            pass
    return run.path.parents[1]


class PrecisionMemory:
    """The remembered choices of one home, by key."""

    def __init__(self, home: Path):
        self.folder = home / "precisions"

    def path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def recall(self, key: str) -> Remembered | None:
        """The choice under ``key``; None if there is none, or its file is damaged."""
        try:
            stored = read_object(self.path(key))
        except (OSError, ValueError):
            return None
        if stored.get("precision") not in PRECISIONS:
            return None
        return stored if all(isinstance(stored.get(name), str) for name in TEXTS) else None

    def remember(self, key: str, choice: Remembered) -> Remembered:
        """Store ``choice`` unless another process has been first. Returns the one that is stored.

        Raises OSError when it cannot be written.
        """
        self.folder.mkdir(exist_ok=True, mode=DIR_MODE)
        with exclusive(self.folder):
            if (stored := self.recall(key)) is not None:
                return stored
            write_atomically(self.path(key), json.dumps(choice, indent=1).encode())
        return choice

    def choices(self) -> list[Remembered]:
        """All choices that can be read."""
        try:
            keys = sorted(path.stem for path in self.folder.glob("*.json"))
        except OSError:
            return []
        return [choice for key in keys if (choice := self.recall(key)) is not None]
