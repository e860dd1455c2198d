"""The record of visits: what drawing and scoring did since the checkpoint they follow, in ``checkpoints/visit.pt``.

A checkpoint is written before the trainer visits a step to draw, score or examine, and never changes. What the visit
adds to the training state (that it took place, the best score, alarms) is small and is written here. The record also
says which part of a visit is being worked on: a process that is killed there leaves that mark, and the next attempt
counts it.
"""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch

from engine.runs.directory import RunDir
from engine.runs.files import read_plain_file, write_atomically
from engine.training.reporter import print_line

FILE, LARGEST = "visit.pt", 64 << 20
MOST_KILLS = 2
"""A part that has killed the process this many times is left out where it did."""


@dataclass
class VisitRecord:
    """The contents of the file. Field names are the stored keys, and each may be missing."""

    step: int = 0
    """Step of the newest visit."""
    done: dict[str, Any] = field(default_factory=dict)
    """Fields of the training state after that visit, which replace those of the checkpoint of the same step."""
    working_on: str = ""
    """The part that has begun and not ended."""
    kills: dict[str, int] = field(default_factory=dict)
    """How often each part began and never ended, since it last ended."""
    killed_at: dict[str, int] = field(default_factory=dict)
    """The step at which it last did so."""
    said: dict[str, str] = field(default_factory=dict)
    """What the newest alarm about each part said, so that the same is not said at every visit."""
    reported: bool = False
    """Whether the best checkpoint has been scored for the report."""

    @classmethod
    def load(cls, run: RunDir) -> VisitRecord:
        """Read the record of a run and count the part that the process before was killed in; empty if there is none."""
        try:
            content = read_plain_file(run.checkpoints / FILE, LARGEST)
            stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            names = {each.name for each in fields(cls)}
            record = cls(**{key: value for key, value in stored.items() if key in names})
        except Exception:  # it is missing or damaged: then its visit takes place once more
            return cls()
        if part := record.working_on:
            record.kills[part] = record.kills.get(part, 0) + 1
            record.killed_at[part] = record.step
            record.working_on = ""
        return record

    def save(self, run: RunDir) -> None:
        """Write the record. On a full disk the one before stays: at worst a visit takes place once more."""
        content = io.BytesIO()
        torch.save(asdict(self), content)
        try:
            write_atomically(run.checkpoints / FILE, content.getvalue())
        except OSError as error:
            print_line(f"the record of visits could not be written: {error.strerror}")

    def is_deadly(self, part: str, step: int) -> bool:
        """Whether the part has killed the process at this step, and as often as it may."""
        return self.kills.get(part, 0) >= MOST_KILLS and self.killed_at.get(part) == step

    def begin(self, part: str, step: int) -> None:
        """Mark the part of the visit to ``step`` as being worked on."""
        if step != self.step:
            self.done = {}
        self.step, self.working_on = step, part

    def end(self, part: str) -> None:
        """The part has ended, in whatever way but by a kill."""
        self.working_on = ""
        self.kills.pop(part, None)
        self.killed_at.pop(part, None)
