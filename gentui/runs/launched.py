"""Where and how a run was launched, as its ``run.json`` tells."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

from engine.runs.directory import RunDir
from gentui.text.sanitize import clean


def launched(folder: Path) -> dict[str, str]:
    """Host, machine, device, git commit, command, moment and versions of the run in ``folder``, as far as they are
    known; none where ``run.json`` cannot be read."""
    try:
        info = RunDir(folder).info()
    except (OSError, ValueError):
        return {}
    facts = {name: info.get(name) for name in ("host", "machine", "device", "git", "command", "created_at")}
    created = facts.pop("created_at")
    if isinstance(created, int | float) and 0 <= created < 1e11:
        facts["launched"] = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(created))
    if isinstance(command := facts["command"], list):
        facts["command"] = shlex.join(map(str, command))
    versions = info.get("versions")
    facts |= versions if isinstance(versions, dict) else {}
    return {clean(name, 60): clean(value, 500) for name, value in facts.items() if value}
