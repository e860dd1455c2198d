from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from engine.runs.directory import RunDir, State
from engine.runs.events import EventWriter, encode
from gentui.index import Index

INFO: dict[str, Any] = {
    "name": "", "recipe": "digits-unet", "title": "UNet on digits", "family": "diffusion", "dataset": "digits",
    "quick": False, "stand_in_for": None, "seed": 3, "device": "cpu", "command": ["gentui"], "versions": {},
    "git": None, "host": "box", "created_at": 1.7e9, "total_steps": 1000, "reference": None,
}  # fmt: skip
MEASURED: dict[str, Any] = {
    "role": "selection", "best": False, "floor": 0.46, "floor_std": 0.03, "noise_seed": 7,
    "protocol_detail": {"samples": 500, "labels": "as in the data", "noises": 1, "precision": "fp32"},
}  # fmt: skip
"""What an event says of a selection."""
BOOKKEEPING = {"meta", "changes", "_sqlite_migrations"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return home


@pytest.fixture
def index(home: Path) -> Index:
    return Index(home)


@pytest.fixture
def make_run(home: Path) -> Callable[..., RunDir]:
    def make_run(state: State | None = None, **info: Any) -> RunDir:
        state = state or State(status="done", attempt=1, slot="cpu", exit_code=0)
        return RunDir.create(home, 'name = "digits-unet"\n', {**INFO, **info}, state)

    return make_run


class Log:
    """Writes one attempt's events with a clock of its own: step ``s`` comes at second ``s`` of the attempt."""

    def __init__(self, run: RunDir, attempt: int = 1, began: float = 100.0):
        self.path = run.events_path(attempt)
        self.began = began
        EventWriter(self.path).close()

    def add(self, kind: str, step: int, **fields: Any) -> None:
        self.append(self.line(kind, step, **fields))

    def line(self, kind: str, step: int, **fields: Any) -> bytes:
        clock = {"t": 1.7e9 + self.began + step, "mono": self.began + step}
        return encode({"kind": kind, **clock, "step": step, "images": step * 8, **fields})

    def append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def start(self, step: int = 0, status: str = "started", **fields: Any) -> Log:
        self.add(
            "status", step, status=status, total_steps=1000, total_images=8000, steps_per_epoch=10,
            device="cpu", precision="fp32", parameters=9, **fields,
        )  # fmt: skip
        return self

    def metrics(self, steps: Iterable[int], **series: Callable[[int], float]) -> Log:
        lines = [self.line("metrics", s, values={key: f(s) for key, f in series.items()}) for s in steps]
        self.append(b"".join(lines))
        return self

    def score(
        self, step: int, value: float, *, metric: str = "fid", protocol: str = "p1", **fields: Any
    ) -> Log:
        known: dict[str, Any] = {
            "lower_is_better": True, "protocol": f"{metric} under {protocol}", "protocol_id": protocol,
            "floor": 1.0, "protocol_detail": {"samples": 500}, "seconds": 2.0, "best": True,
        }  # fmt: skip
        self.add("evaluation", step, metric=metric, value=value, **{**known, **fields})
        return self

    def selection(self, step: int, value: float, *, protocol: str = "1 noise", **fields: Any) -> Log:
        """A score on the one noise that selects the checkpoint."""
        return self.score(step, value, protocol=protocol, **{**MEASURED, **fields})

    def report(self, step: int, value: float, *, protocol: str = "3 noises", **fields: Any) -> Log:
        """A score of one checkpoint on three other noises."""
        told = {"role": "report", "std": 0.2, "over": "3 noises", "noise_seed": 0}
        told["protocol_detail"] = {**MEASURED["protocol_detail"], "noises": 3}
        return self.score(step, value, protocol=protocol, **{**MEASURED, **told, **fields})


def dump(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, series told by (run, key) for their numbers are arbitrary."""
    db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    names = {row[0]: row[1:] for row in db.execute("SELECT id, run, key FROM series")}
    found = {}
    for table in set(tables) - BOOKKEEPING:
        rows = db.execute(f"SELECT * FROM {table}").fetchall()
        if table in ("points", "pyramid", "series"):
            rows = [(names[row[0]], *row[1:]) for row in rows]
        found[table] = sorted(rows, key=repr)
    db.close()
    return found


def settle() -> None:
    """Wait until the file system's clock has moved on, so that signatures of directories are final."""
    time.sleep(0.06)
