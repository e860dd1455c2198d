"""Read a run's small files, however broken, into columns of the table ``runs``.

Nothing here trusts a run directory. Files may be missing, huge, a FIFO, a link, not JSON, or JSON of the wrong shape;
each becomes a sentence in the column ``problem``, never an exception.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any

import tomli

from engine.runs.directory import STATUSES
from engine.runs.files import read_plain_file
from gentui.jobs import annotations
from gentui.jobs.launchers.local.here import shown_slot
from gentui.text.numbers import real
from gentui.text.sanitize import clean

_LIMIT = 1 << 20  # bytes of run.json, state.json, recipe.toml
_SAME_EXPERIMENT = {"data": {"resident"}, "train": {"seed", "part"}, "model": {"activation_checkpointing"}}
"""Settings by table that two runs of one experiment may differ in."""
_ADDED = {"evaluate": {"sampler": "", "steps": 0}}
"""Settings by table that runs of earlier versions do not have, with the values that say what was done then."""
_DESCRIBING = frozenset(
    {"title", "summary", "order", "quick", "reference", "sweep"}
)  # no part in what is trained
_LARGEST = 2**48  # beyond any count of steps or bytes, and safe to multiply in SQLite


class Unreadable(Exception):
    """One of a run's files cannot be read; the message says why."""


def read_small(path: Path) -> bytes:
    """The content of a small plain file. Raises Unreadable for a FIFO, a link, or a file over 1 MiB."""
    try:
        return read_plain_file(path)
    except FileNotFoundError:
        raise Unreadable(f"{path.name} is missing") from None
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read: {error.strerror}") from None


def read_json(path: Path) -> dict[str, Any]:
    """The object in a small JSON file. Raises Unreadable."""
    try:
        value = json.loads(read_small(path))
    except (ValueError, RecursionError):
        raise Unreadable(f"{path.name} is not valid JSON") from None
    if not isinstance(value, dict):
        raise Unreadable(f"{path.name} does not hold an object")
    return value


def signature(path: str | Path) -> str | None:
    """A value that changes whenever the file is written or replaced; None if it is missing."""
    try:
        found = os.stat(path)  # noqa: PTH116 - called for every run at every pass
    except OSError:
        return None
    return f"{found.st_mtime_ns}.{found.st_ino}.{found.st_size}"


def columns_of(directory: Path) -> dict[str, Any]:
    """The columns of ``runs`` from run.json, state.json, recipe.toml and marks.json, including ``problem``."""
    problems: list[str] = []
    columns: dict[str, Any] = {}
    try:
        columns |= _info_columns(read_json(directory / "run.json"))
    except Unreadable as error:
        problems.append(str(error))
    try:
        columns |= state_columns(read_json(directory / "state.json"))
    except Unreadable as error:
        problems.append(str(error))
        columns |= {"status": "lost", "reason": ""}
    configuration, settings = "", "{}"
    try:
        recipe = tomli.loads(read_small(directory / "recipe.toml").decode())
        configuration, settings = configuration_of(recipe), json.dumps(settings_of(recipe), default=str)
    except Unreadable as error:
        problems.append(str(error))
    except (ValueError, RecursionError):
        problems.append("recipe.toml is not valid TOML")
    try:
        columns |= _annotation_columns(directory)
    except Unreadable as error:
        problems.append(str(error))
        columns |= {"tags": "[]", "notes": ""}
    return columns | {"configuration": configuration, "settings": settings, "problem": "; ".join(problems)}


def name_of(directory: Path) -> str:
    """The name that the run was given last; "" if it has none, or its files cannot be read."""
    try:
        if (name := _annotation_columns(directory).get("name")) is not None:
            return name
    except Unreadable:
        pass
    try:
        return _info_columns(read_json(directory / "run.json"))["name"]
    except Unreadable:
        return ""


def _annotation_columns(directory: Path) -> dict[str, Any]:
    if not os.path.lexists(directory / annotations.FILE):
        return {"tags": "[]", "notes": ""}
    annotated = annotations.from_json(read_json(directory / annotations.FILE))
    named = {} if annotated.name is None else {"name": annotated.name}
    return {**named, "tags": json.dumps(annotated.tags), "notes": annotated.notes}


def settings_of(recipe: dict[str, Any]) -> dict[str, Any]:
    """A parsed recipe's settings by dotted key."""
    return {
        f"{table}.{key}": value
        for table, values in recipe.items()
        if isinstance(values, dict) and table not in ("quick", "reference", "sweep")
        for key, value in values.items()
    }


def configuration_of(recipe: dict[str, Any]) -> str:
    """A hash (16 hex digits) of everything in a resolved recipe that affects the experiment, except the seed."""
    relevant = {key: value for key, value in recipe.items() if key not in _DESCRIBING}
    for name, table in relevant.items():
        if isinstance(table, dict):
            same, added = _SAME_EXPERIMENT.get(name, ()), _ADDED.get(name, {})
            relevant[name] = {
                key: value
                for key, value in table.items()
                if key not in same and (key not in added or value != added[key])
            }
    return hashlib.sha256(json.dumps(relevant, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _info_columns(info: dict[str, Any]) -> dict[str, Any]:
    reference = info.get("reference")
    return {
        "name": clean(text(info.get("name")), 200),
        "recipe": clean(text(info.get("recipe")), 100),
        "title": clean(text(info.get("title")), 200),
        "family": clean(text(info.get("family")), 40),
        "dataset": clean(text(info.get("dataset")), 100),
        "quick": int(info.get("quick") is True),
        "stand_in_for": clean(stand_in, 100) if (stand_in := text(info.get("stand_in_for"))) else None,
        "seed": whole(info.get("seed")),
        "requested": clean(text(info.get("device")), 40),
        "created_at": number(info.get("created_at")),
        "estimate": whole(info.get("total_steps")),
        "reference": _dumps(reference) if isinstance(reference, dict) else None,
    }


def state_columns(state: dict[str, Any]) -> dict[str, Any]:
    """The columns of ``runs`` from state.json. Raises Unreadable for an unknown status."""
    status = state.get("status")
    if status not in STATUSES:
        raise Unreadable(f"state.json has an unknown status ({clean(status, 40)})")
    extra = held if isinstance(held := state.get("extra"), dict) else {}
    return {
        "status": status,
        "reason": clean(text(state.get("reason"))),
        "attempt": whole(state.get("attempt")) or 0,
        "slot": clean(slot, 80) if (slot := shown_slot(text(state.get("slot")), extra)) else None,
        "queued_at": number(state.get("queued_at")),
        "started_at": number(state.get("started_at")),
        "ended_at": number(state.get("ended_at")),
        "pid": whole(state.get("pid")),
        "exit_code": whole(state.get("exit_code")),
        "signal": whole(state.get("signal")),
    }


def text(value: object) -> str:
    """The value if it is a string, else ""."""
    return value if isinstance(value, str) else ""


def whole(value: object) -> int | None:
    """The value if it is a non-negative integer that SQLite can hold, else None."""
    return value if type(value) is int and 0 <= value < _LARGEST else None  # True is no count


def number(value: object) -> float | None:
    """The value as a finite float, else None."""
    found = value if type(value) is float else real(value)  # millions of times
    return found if found is not None and math.isfinite(found) else None


def _dumps(value: dict[str, Any]) -> str | None:
    try:
        written = json.dumps(value)
    except (ValueError, RecursionError):
        return None
    return written if len(written) < _LIMIT else None
