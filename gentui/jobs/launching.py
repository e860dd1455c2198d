"""Launch, resume, reorder and remove jobs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import gentui
from engine.recipes.shares import unequal
from engine.runs.directory import JobDir, RunDir, State
from engine.runs.files import FULL
from gentui.jobs import annotations, trash
from gentui.jobs.changes import change_settings
from gentui.jobs.evaluations import evaluations_of, expired
from gentui.jobs.job_types import JOB_TYPES, thread_variables
from gentui.jobs.launchers import LOCAL, Request, launcher_for, launcher_of, queue_name, resumer_of
from gentui.jobs.reconciling import ensure_workers, get_settled_job, is_at_work
from gentui.jobs.states import (
    JobError,
    job_label,
    locked_job,
    queue,
    read_state,
    require_own,
    update_state,
)
from gentui.jobs.stopping import stop
from gentui.machine import disk
from gentui.text.sanitize import clean

if TYPE_CHECKING:
    from engine.recipes.recipe import Recipe

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
    devices: int | None = None,
    command: Sequence[str] | None = None,
    tags: Sequence[str] = (),
    on: str | None = None,
    array: dict[str, Any] | None = None,
) -> RunDir:
    """Queue a run of ``recipe``, and have it begun: by a worker of this machine, or where ``on`` says.

    ``devices``: how many share every batch. ``seed`` is written into the recipe, so that the run's recipe.toml alone
    reproduces it. ``array``: see ``Request``. Raises ``engine.recipes.recipe.MissingData`` if its data is missing and
    JobError if the device or the place does not exist, or refuses the run.
    """
    recipe.require_data()
    launcher, host = (LOCAL, None) if on is None else launcher_for(home, on)
    require_shareable(recipe, devices)
    state = launcher.admit(Request(home, device, host=host, devices=devices, array=array))
    if seed is not None:
        seeded = recipe.with_values({"train.seed": seed})
        recipe = seeded.model_copy(update={"is_quick": recipe.is_quick, "stand_in_for": recipe.stand_in_for})
    info = _info(recipe, name=name, device=device or "auto", command=list(command or sys.argv))
    files = {annotations.FILE: annotations.to_json(annotations.Annotations(tags=tuple(tags)))} if tags else None
    run = RunDir.create(home, recipe.to_toml(), info, state, files)
    if array is None or array["index"] == array["size"] - 1:
        ensure_workers(home)
        if on is not None and (after := read_state(run)) is not None and after.status == "failed":
            raise JobError(f"{job_label(run)} cannot be begun: {after.reason}")
    return run


def resume(
    home: Path,
    job_id: str,
    *,
    overrides: Iterable[str] = (),
    device: str | None = None,
    devices: int | None = None,
    on: str | None = None,
) -> None:
    """Queue an ended job again. A run continues from its last checkpoint, or starts over if it has none.

    ``overrides`` (``table.key=value``) change settings of a run that do not touch the experiment; ``device``,
    ``devices`` and ``on`` where it continues. Raises JobError if the job is queued, running, done, or imported from
    another program, if the device or the place does not exist, or if an evaluation is to be changed; ``RecipeError`` or
    ``MissingData`` for the overrides.
    """
    job = get_settled_job(home, job_id)
    require_own(job)
    overrides = list(overrides)
    if (overrides or device is not None or devices or on is not None) and not isinstance(job, RunDir):
        raise JobError(f"{job_label(job)} is resumed as it was asked for; `gentui evaluate` queues another")
    request = Request(home, device, devices=devices)
    if on is not None:
        launcher, host = launcher_for(home, on)
        request = replace(request, host=host)
    else:
        held = read_state(job)
        launcher = LOCAL if held is None else resumer_of(held)
    if launcher is LOCAL:
        LOCAL.admit(request)  # a device that does not exist is told before what the job is at

    def decide(state: State) -> State:
        _require_ended(job_label(job), state)
        again = launcher.admit(replace(request, before=state))
        if overrides and isinstance(job, RunDir):
            change_settings(job, overrides, state.attempt + 1)
        return again

    try:
        update_state(job, decide)
    except ValueError:
        raise JobError(f"{job_label(job)} cannot be resumed: its state.json is not readable") from None
    except OSError as error:
        raise JobError(f"{job_label(job)} cannot be resumed: {disk.why(error, home)}") from None
    ensure_workers(home)


def require_shareable(recipe: Recipe, devices: int | None) -> None:
    """Raise JobError when a batch of the recipe cannot be shared equally between so many devices."""
    if devices and (why := unequal(recipe.data.batch_size, devices, devices)):
        raise JobError(why)


def _require_ended(what: str, state: State) -> None:
    if state.status == "done":
        raise JobError(f"{what} is already finished: nothing to resume")
    if not state.ended:
        raise JobError(f"{what} is already {state.status}")


def remove(home: Path, job_id: str, *, now: bool = False) -> None:
    """Remove a job that is not alive. A run moves to the trash with its evaluations; an evaluation is deleted.

    With ``now`` a run is deleted, too. Raises JobError if the job is alive or being evaluated.
    """
    job = get_settled_job(home, job_id)
    state = read_state(job)
    if state is not None and state.status == "running" and is_at_work(job, state):
        raise JobError(f"{job_label(job)} is running; stop it first")
    if state is not None and state.status == "queued" and launcher_of(state) is not LOCAL:
        stop(home, job_id)
        if (after := read_state(job)) is not None and not after.ended:
            raise JobError(f"{job_label(job)} is queued, and where it is queued nothing answers; stop it first")
    evaluations = evaluations_of(home, job_id) if isinstance(job, RunDir) else []
    doomed = job.path.with_name(f".removed-{job_id}-{os.getpid()}")
    try:
        if busy := next((found for found in evaluations if not _let_go(found)), None):
            raise JobError(f"{job_label(job)} is being evaluated by {busy.id}; stop that first")
        with locked_job(job, _patience(job)) as free:
            if not free:
                raise JobError(f"{job_label(job)} is running; stop it first")
            if isinstance(job, RunDir) and not now:
                trash.move_to_trash(home, job, evaluations)
                return
            job.path.rename(doomed)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in FULL:
            raise JobError(f"{job_label(job)} cannot be removed: {disk.why(error, home)}") from None
        doomed = job.path  # not even a new name fits on the disk
    shutil.rmtree(doomed, ignore_errors=True)
    for evaluation in evaluations:
        with suppress(JobError):
            remove(home, evaluation.id)


def _let_go(job: JobDir) -> bool:
    with locked_job(job, _patience(job)) as free:
        return free


def _patience(job: JobDir) -> float:
    """Seconds to wait for a job's lock: that of an ended one is let go of as soon as its worker gets to run."""
    state = read_state(job)
    return 10.0 if state is not None and state.ended else 0.5


def reorder(home: Path, job_id: str, where: Literal["first", "last", "up", "down"]) -> None:
    """Move a queued job to the head or the end of the queue, or past its neighbour for the same device.

    Raises JobError if the job is not queued.
    """
    job = get_settled_job(home, job_id)
    mine = read_state(job)
    name = "" if mine is None else queue_name(mine)
    if name is None:
        raise JobError(
            f"{job_label(job)} is in another queue than this machine's, which has an order of its own"
        )
    waiting = [(other, s) for other, s in queue(home) if other.id != job_id and queue_name(s) == name]
    if mine is None or mine.status != "queued":
        raise JobError(
            f"{job_label(job)} is {mine.status if mine else 'broken'}: only a queued job can be moved"
        )
    times = [
        s.queued_at or 0.0 for _, s in waiting if s.slot is None or mine.slot is None or s.slot == mine.slot
    ]
    before = sum(1 for t in times if t <= (mine.queued_at or 0.0))
    at = {"first": 0, "last": len(times), "up": max(0, before - 1), "down": min(len(times), before + 1)}[where]
    if not times or (at == before and where in ("up", "down")):
        return
    moment = (
        times[0] - 1.0 if at == 0
        else max(times[-1] + 0.001, time.time()) if at == len(times)
        else (times[at - 1] + times[at]) / 2
    )  # fmt: skip

    def decide(state: State) -> State | None:
        return state.with_(queued_at=max(0.0, moment)) if state.status == "queued" else None

    try:
        if update_state(job, decide) is None:
            raise JobError(f"{job_label(job)} has just started")
    except ValueError:
        raise JobError(f"{job_label(job)} cannot be moved: its state.json is not readable") from None
    except OSError as error:
        raise JobError(f"{job_label(job)} cannot be moved: {disk.why(error, home)}") from None


def sweep(home: Path, older_than: float = 86_400.0) -> None:
    """Delete what killed processes left half created or half removed, old evaluations, and old trash."""
    trash.empty(home, trash.KEEP_SECONDS)
    for job_type in JOB_TYPES:
        try:
            entries = list(os.scandir(home / job_type.folder))
        except OSError:
            continue
        for entry in entries:
            if not entry.name.startswith((".new-", ".removed-")):
                continue
            try:
                old = time.time() - entry.stat(follow_symlinks=False).st_mtime > older_than
            except OSError:
                continue
            if old or entry.name.startswith(".removed-"):
                shutil.rmtree(entry.path, ignore_errors=True)
    for evaluation in expired(home):
        with suppress(JobError):
            remove(home, evaluation.id)


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
        "threads": thread_variables(),
        "host": socket.gethostname(),
        "created_at": time.time(),
        "total_steps": recipe.steps_total(),
        "reference": recipe.reference.model_dump() if recipe.reference else None,
    }


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def git_commit() -> str | None:
    """Commit of the checkout that this package runs from (``…-dirty`` with local changes); None if installed."""
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
