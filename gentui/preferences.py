"""What the app remembers of a person between two starts: ``app.json`` in the config directory."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engine.places import config_dir
from engine.rundir import DIR_MODE, write_atomically


@dataclass(frozen=True)
class Preferences:
    """``toured``: the tour of the first start has been seen."""

    theme: str = ""
    toured: bool = False


def path() -> Path:
    return config_dir() / "app.json"


def read() -> Preferences:
    """What is remembered; nothing where the file is missing or broken."""
    try:
        raw = json.loads(path().read_bytes())
    except (OSError, ValueError, RecursionError):
        return Preferences()
    theme, toured = (raw.get("theme"), raw.get("toured")) if isinstance(raw, dict) else (None, None)
    return Preferences(theme if isinstance(theme, str) else "", toured is True)


def remember(**changes: Any) -> bool:
    """Change some of it; False where the directory cannot be written."""
    try:
        path().parent.mkdir(mode=DIR_MODE, parents=True, exist_ok=True)
        write_atomically(path(), json.dumps(asdict(replace(read(), **changes)), indent=1).encode())
    except OSError:
        return False
    return True
