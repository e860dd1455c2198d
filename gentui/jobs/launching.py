"""Put a run into the queue, again or for the first time, and take runs away."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gentui
from engine.rundir import RunDir, State
from gentui.jobs.slots import ensure_workers, slot_for
from gentui.jobs.states import JobError, change, get_run, locked_run
from gentui.text import clean

if TYPE_CHECKING:
    from engine.recipe import Recipe

_PACKAGES = (
    "gentui",
    "torch",
    "torchvision",
    "torch-fidelity",
    "numpy",
    "scikit-learn",
    "safetensors",
    "pillow",
)


def launch(
    home: Path,
    recipe: Recipe,
    *,
    name: str = "",
    seed: int | None = None,
    device: str | None = None,
    command: Sequence[str] | None = None,
) -> RunDir:
    """Queue a run of ``recipe`` and see to it that a worker will take it.

    ``seed`` is written into the recipe, so that the run's recipe.toml alone runs it again. Raises
    ``engine.recipe.MissingData`` when its data is not here and JobError when the device is not.
    """
    recipe.require_data()
    slot = slot_for(device)
    if seed is not None:
        seeded = recipe.with_values({"train.seed": seed})
        recipe = seeded.model_copy(update={"is_quick": recipe.is_quick, "stand_in_for": recipe.stand_in_for})
    info = _info(recipe, name=name, device=device or "auto", command=list(command or sys.argv))
    run = RunDir.create(home, recipe.to_toml(), info, queued(slot, attempt=0))
    ensure_workers(home)
    return run


def resume(home: Path, run_id: str) -> None:
    """Queue an ended run again; it goes on from its last checkpoint, or from the start when it has none.

    Raises JobError when it is queued, running or already done.
    """
    run = get_run(home, run_id)
    try:
        change(run, lambda state: _requeued(run_id, state))
    except ValueError:
        raise JobError(f"run {run_id} cannot be resumed: its state.json is not readable") from None
    except OSError as error:
        raise JobError(f"run {run_id} cannot be resumed: {error.strerror}") from None
    ensure_workers(home)


def _requeued(run_id: str, state: State) -> State:
    if state.status == "done":
        raise JobError(f"run {run_id} is already done; there is nothing left to resume")
    if not state.ended:
        raise JobError(f"run {run_id} is already {state.status}")
    asked = state.extra.get("asked")
    return queued(asked if isinstance(asked, str) else None, attempt=state.attempt)


def queued(slot: str | None, attempt: int) -> State:
    """The state of a run that begins to wait now. ``asked`` outlives the slot it will be given."""
    return State(slot=slot, attempt=attempt, queued_at=time.time(), extra={"asked": slot})


def remove(home: Path, run_id: str) -> None:
    """Delete a run that is not alive, with all its files. Raises JobError when it is alive."""
    run = get_run(home, run_id)
    with locked_run(run, patience=0.5) as free:
        if not free:
            raise JobError(f"run {run_id} is running; stop it first")
        doomed = run.path.with_name(f".removed-{run_id}-{os.getpid()}")
        try:
            run.path.rename(doomed)
        except FileNotFoundError:
            return
        except OSError as error:
            raise JobError(f"run {run_id} cannot be removed: {error.strerror}") from None
    shutil.rmtree(doomed, ignore_errors=True)


def sweep(home: Path, older_than: float = 86_400.0) -> None:
    """Delete what killed processes left half made or half removed under ``runs``."""
    try:
        entries = list(os.scandir(home / "runs"))
    except OSError:
        return
    for entry in entries:
        if not entry.name.startswith((".new-", ".removed-")):
            continue
        try:
            old = time.time() - entry.stat(follow_symlinks=False).st_mtime > older_than
        except OSError:
            continue
        if old or entry.name.startswith(".removed-"):
            shutil.rmtree(entry.path, ignore_errors=True)


def _info(recipe: Recipe, *, name: str, device: str, command: list[str]) -> dict[str, Any]:
    import platform
    import socket

    return {
        "name": clean(name, 200),
        "recipe": recipe.name,
        "title": recipe.title,
        "family": recipe.family,
        "dataset": recipe.dataset,
        "quick": recipe.is_quick,
        "stand_in_for": recipe.stand_in_for,
        "seed": recipe.train.seed,
        "device": device,
        "command": command,
        "versions": {"python": platform.python_version(), **_versions()},
        "git": git_commit(),
        "host": socket.gethostname(),
        "created_at": time.time(),
        "total_steps": recipe.steps_total(),
        "reference": recipe.reference.model_dump() if recipe.reference else None,
    }


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_commit() -> str | None:
    """Commit of the checkout this package runs from (``…-dirty`` with local changes); None when installed."""
    root = Path(gentui.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        out = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True, text=True, timeout=10, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return out.stdout.strip() or None if out.returncode == 0 else None
