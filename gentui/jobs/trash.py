"""The trash: ``$GENTUI_HOME/trash/<run-id>/`` keeps deleted runs for a month, from where they can be restored.

Each folder holds the run's directory as ``run`` and its evaluations under their ids; its modification time is that of
the deletion. Nothing in the trash is a job: the queue and the index read ``runs`` and ``evaluations`` only.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.runs.directory import JobDir, RunDir, is_run_id
from engine.runs.files import DIR_MODE, FULL, private_folder
from gentui.jobs.job_types import EVALUATIONS
from gentui.jobs.reconciling import ensure_workers, settled
from gentui.jobs.states import JobError, job_label
from gentui.machine import disk

_ONLY_DELETED = FULL | {errno.EXDEV}
KEEP_SECONDS = 30 * 86_400.0


@dataclass(frozen=True)
class TrashedRun:
    """A run in the trash. ``at``: unix time of its deletion."""

    id: str
    path: Path
    at: float


def move_to_trash(home: Path, run: RunDir, evaluations: Sequence[JobDir]) -> None:
    """Move a run that is not alive into the trash, with its evaluations. Raises JobError."""
    place = home / "trash" / run.id
    try:
        private_folder(place)
        run.path.rename(place / "run")
    except FileNotFoundError:  # another process was faster
        with suppress(OSError):
            place.rmdir()
        return
    except OSError as error:
        with suppress(OSError):
            place.rmdir()
        way = f"; `gentui rm --now {run.id}` deletes it for good" if error.errno in _ONLY_DELETED else ""
        raise JobError(f"{job_label(run)} cannot be moved to the trash: {disk.why(error, home)}{way}") from None
    for evaluation in evaluations:
        with suppress(OSError):
            evaluation.path.rename(place / evaluation.id)


def trashed(home: Path) -> list[TrashedRun]:
    """The runs in the trash, the last deleted first."""
    found = []
    with suppress(OSError), os.scandir(home / "trash") as entries:
        for entry in entries:
            with suppress(OSError):
                if is_run_id(entry.name) and (Path(entry.path) / "run").is_dir():
                    found.append(
                        TrashedRun(entry.name, Path(entry.path), entry.stat(follow_symlinks=False).st_mtime)
                    )
    return sorted(found, key=lambda thrown: (thrown.at, thrown.id), reverse=True)


def find_trashed(home: Path, spec: str) -> str:
    """The id of the run in the trash given by an id or a unique prefix of one. Raises JobError."""
    stored = [thrown.id for thrown in trashed(home)]
    found = [run for run in stored if run == spec] or [run for run in stored if spec and run.startswith(spec)]
    if len(found) == 1:
        return found[0]
    if found:
        raise JobError(f"{spec!r} matches {len(found)} runs in the trash: {', '.join(sorted(found)[-5:])}")
    held = f"it holds {', '.join(stored[:5])}{', …' if len(stored) > 5 else ''}" if stored else "it is empty"
    raise JobError(f"no run in the trash is called {spec!r}: {held}")


def restore(home: Path, run_id: str) -> None:
    """Restore a run with its evaluations. A run that was queued is queued again. Raises JobError."""
    place = home / "trash" / run_id
    back = RunDir(home / "runs" / run_id)
    if not is_run_id(run_id) or not (place / "run").is_dir():
        raise JobError(f"there is no run {run_id} in the trash")
    if os.path.lexists(back.path):
        raise JobError(f"run {run_id} cannot be restored: a run with this id exists")
    try:
        back.path.parent.mkdir(mode=DIR_MODE, exist_ok=True)
        for entry in [entry for entry in place.iterdir() if EVALUATIONS.is_id(entry.name)]:
            with suppress(OSError):
                entry.rename(home / EVALUATIONS.folder / entry.name)
        (place / "run").rename(back.path)
    except OSError as error:
        raise JobError(f"run {run_id} cannot be restored: {disk.why(error, home)}") from None
    shutil.rmtree(place, ignore_errors=True)
    state = settled(back)
    if state is not None and state.status == "queued":
        ensure_workers(home)


def empty(home: Path, older_than: float = 0.0) -> list[str]:
    """Delete the runs that have been in the trash for ``older_than`` seconds; returns the ids of those now gone."""
    gone = []
    with suppress(OSError), os.scandir(home / "trash") as entries:
        for entry in entries:
            with suppress(OSError):
                is_due = time.time() - entry.stat(follow_symlinks=False).st_mtime >= older_than
                if is_due and delete(home, entry.name):
                    gone.append(entry.name)
    return sorted(gone)


def delete(home: Path, run_id: str) -> bool:
    """Delete one run in the trash; returns whether all of it is gone."""
    place = home / "trash" / run_id
    shutil.rmtree(place, ignore_errors=True)
    return not place.exists()
