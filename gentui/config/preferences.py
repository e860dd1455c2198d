"""What the app remembers of a person between two starts: ``app.json`` in the config directory."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from engine.runs.directory import DIR_MODE, write_atomically
from engine.runs.paths import config_dir

IMAGES = ("auto", "kitty", "sixel", "half", "none")
CHOICES: dict[str, tuple[str, ...]] = {
    "palette": ("theme", "bright", "sunset"),
    "images": IMAGES,
    "lines": ("", "braille", "block", "ascii"),
    "start": ("recipes", "runs", "newest"),
}
"""What a word may be, where not any."""


@dataclass(frozen=True)
class Preferences:
    """``toured``: the tour of the first start has been seen. ``palette``: of the curves. ``images``: how pictures are
    drawn; ``lines``: what curves are made of, "" as each family's charts were left. ``start``: what is opened first.
    ``runs_filter`` and ``runs_columns``: what the list of runs was left with.
    """

    theme: str = ""
    toured: bool = False
    palette: str = "theme"
    images: str = "auto"
    lines: str = ""
    start: str = "recipes"
    low_bandwidth: bool = False
    runs_filter: str = ""
    runs_columns: str = ""


def path() -> Path:
    return config_dir() / "app.json"


def read() -> Preferences:
    """What is remembered; nothing where the file is missing or broken, or of what is no choice."""
    try:
        raw = json.loads(path().read_bytes())
    except (OSError, ValueError, RecursionError):
        return Preferences()
    found = {}
    for field in fields(Preferences):
        value = raw.get(field.name) if isinstance(raw, dict) else None
        if type(value) is type(field.default) and value in CHOICES.get(field.name, (value,)):
            found[field.name] = value
    return Preferences(**found)


def remember(**changes: Any) -> bool:
    """Change some of it; False where the directory cannot be written."""
    try:
        path().parent.mkdir(mode=DIR_MODE, parents=True, exist_ok=True)
        write_atomically(path(), json.dumps(asdict(replace(read(), **changes)), indent=1).encode())
    except OSError:
        return False
    return True
