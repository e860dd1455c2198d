"""A run as people name it. Read from the run directories, so that a run can be stopped or removed whatever the index is
like.
"""

from __future__ import annotations

from pathlib import Path

from engine.runs.directory import run_ids
from gentui.index import files
from gentui.index.rows import RunNotFound


def find_run(home: Path, spec: str) -> str:
    """The id of the run given by an id, a unique prefix of one, ``latest``, a name or a unique prefix of one.

    Raises RunNotFound, or UnicodeEncodeError for what is no text.
    """
    spec.encode()  # an argument may hold bytes that are no text
    ids = run_ids(home)
    if spec in ids:
        return spec
    if spec == "latest":
        if not ids:
            raise RunNotFound("there are no runs yet")
        return ids[-1]
    found = [run for run in ids if spec and run.startswith(spec)]
    if spec and not found:
        names = {run: files.name_of(home / "runs" / run) for run in ids}
        found = [run for run, name in names.items() if name == spec]
        found = found or [run for run, name in names.items() if name.startswith(spec)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise RunNotFound(f"no run is called {spec!r} (`gentui runs` lists them)")
    some = ", ".join(found[-5:]) + (", …" if len(found) > 5 else "")
    raise RunNotFound(f"{spec!r} matches {len(found)} runs: {some}")
