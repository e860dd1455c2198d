"""Queue evaluations of runs, and describe their progress."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.runs.directory import (
    CheckpointChoice,
    JobDir,
    RunDir,
    State,
    begin_job,
    parse_checkpoint,
    publish_job,
)
from gentui.jobs.job_types import EVALUATION_PREFIX, EVALUATIONS, EvaluationDir, log_lines, thread_variables
from gentui.jobs.launchers import LOCAL, Request, launcher_for, launcher_of, look_at, queue_name
from gentui.jobs.launchers.local.slots import fits, label, slots
from gentui.jobs.reconciling import ensure_workers, is_at_work, settled
from gentui.jobs.states import JobError, get_job, job_label, queue, read_state, require_own, unfinished
from gentui.text.numbers import plural
from gentui.text.sanitize import clean

_KEEP_SECONDS = 30 * 86_400.0
"""How long the directory of an ended evaluation is kept; its scores stay with the run."""
_TASK_LINE = re.compile(r"computing .+")
_COUNT_LINE = re.compile(r"([\d,]+)/([\d,]+) images")


def evaluate(
    home: Path,
    run_id: str,
    options: Mapping[str, Any],
    command: Sequence[str] | None = None,
    on: str | None = None,
) -> EvaluationDir:
    """Queue an evaluation of a run, and have it begun: by a worker of this machine, or where ``on`` says.

    ``options`` are those of ``engine.inference.evaluate`` (``{"samples": 500}``); None means not given. Raises JobError
    if there is no such run, it has no checkpoint, or the place does not exist or refuses the evaluation.
    """
    run = get_job(home, run_id)
    if not isinstance(run, RunDir):
        raise JobError(f"{run_id} is not a run")
    which = options.get("checkpoint")
    require_checkpoint(run, None if which is None else parse_checkpoint(str(which)))
    launcher, host = (LOCAL, None) if on is None else launcher_for(home, on)
    if on is not None:
        _require_one_writer(run, on)
    admitted = launcher.admit(Request(home, host=host))
    info = {
        "run": run_id,
        "options": {key: value for key, value in options.items() if value is not None},
        "command": list(command or sys.argv),
        "threads": thread_variables(),
        "created_at": time.time(),
    }
    building = EvaluationDir(begin_job(home / EVALUATIONS.folder, admitted).path)
    job = EvaluationDir(publish_job(building, building.job_path.name, info, prefix=EVALUATION_PREFIX))
    ensure_workers(home)
    if on is not None and (after := read_state(job)) is not None and after.status == "failed":
        raise JobError(f"{job_label(job)} cannot be begun: {after.reason}")
    return job


def _require_one_writer(run: RunDir, on: str) -> None:
    """Raise JobError if the run trains on another machine than the one that is to score it: the scores go into its log
    of events, to which only one machine may append."""
    state = settled(run)
    if on == "local" or state is None or state.ended or queue_name(state) == on:
        return
    raise JobError(
        f"{job_label(run)} is {state.status}, and {clean(on, 60)} may be another machine: evaluate it when it has"
        " ended, for two machines must not append to one log of events"
    )


class NoSuchStep(JobError):
    """The run has no checkpoint of the requested step."""


def require_checkpoint(run: RunDir, which: CheckpointChoice | None = None) -> None:
    """Raise JobError if the run lacks the requested checkpoint (None: any) or is imported; NoSuchStep for a step."""
    require_own(run)
    if (which is None and not run.available_checkpoints()) or (
        which is not None and not run.checkpoint(which).exists()
    ):
        raise (NoSuchStep if isinstance(which, int) else JobError)(run.missing_checkpoint_message(which))


def find_evaluation(home: Path, spec: str) -> str | None:
    """The id of the evaluation whose id is, or uniquely begins with, ``spec``; None if there is none."""
    matches = [name for name in EVALUATIONS.ids(home) if name.startswith(spec)]
    return matches[0] if len(matches) == 1 and spec.startswith(EVALUATION_PREFIX) else None


def evaluations_of(home: Path, run_id: str) -> list[EvaluationDir]:
    """Every stored evaluation of a run, oldest first."""
    found = [EVALUATIONS.open(home / EVALUATIONS.folder / name) for name in EVALUATIONS.ids(home)]
    return [job for job in found if run_id_of(job) == run_id]


def expired(home: Path) -> list[EvaluationDir]:
    """Evaluations that ended long enough ago to be deleted."""
    found = [EVALUATIONS.open(home / EVALUATIONS.folder / name) for name in EVALUATIONS.ids(home)]
    before = time.time() - _KEEP_SECONDS
    return [
        job
        for job in found
        if (state := read_state(job)) is not None and state.ended and (state.ended_at or before) < before
    ]


@dataclass(frozen=True)
class Pending:
    """A queued or running evaluation. ``standing`` describes its progress in words."""

    id: str
    run: str
    status: str
    standing: str


def pending(home: Path, run_id: str | None = None) -> list[Pending]:
    """Queued and running evaluations, of one run or of all, in the order of the queue."""
    found = [
        (state, job, run)
        for job, _ in unfinished(home, [EVALUATIONS])
        if isinstance(job, EvaluationDir) and (run := run_id_of(job)) and run_id in (None, run)
        if (state := settled(job)) is not None and not state.ended
    ]
    found.sort(key=lambda entry: (entry[0].status != "running", entry[0].queued_at or 0.0, entry[1].id))
    return [Pending(job.id, run, state.status, status_text(home, job, state)) for state, job, run in found]


def status_text(home: Path, job: EvaluationDir, state: State) -> str:
    """``evaluating 256/500``, or what it waits for: ``waiting: run 2026… is training on cpu, 2 jobs before it``."""
    if state.status != "queued":
        if task := current_task(job):
            return task
        done = images_done(job)
        return f"evaluating {done[0]}/{done[1]}" if done else "evaluating"
    if launcher_of(state) is not LOCAL:
        return ": ".join(filter(None, ["waiting", look_at(job, state).standing]))
    ahead = 0
    for other, its in queue(home):
        if other.id == job.id:
            break
        ahead += any(fits(its, slot) and fits(state, slot) for slot in slots())
    busy = [
        f"{job_label(other)} is {'training' if isinstance(other, RunDir) else 'under way'} on {label(its.slot)}"
        for other, its in unfinished(home)
        if its.status == "running" and its.slot is not None and fits(state, its.slot) and is_at_work(other, its)
    ]
    if ahead:
        busy.append(f"{plural(ahead, 'job')} before it")
    return f"waiting: {', '.join(busy)}" if busy else "waiting"


def current_task(job: JobDir) -> str:
    """The computation that the evaluation last logged after generating its images; "" before that."""
    newest = next(
        (
            line
            for line in reversed(log_lines(job, 1 << 12))
            if _TASK_LINE.match(line) or _COUNT_LINE.match(line)
        ),
        "",
    )
    return newest if _TASK_LINE.match(newest) else ""


def images_done(job: JobDir) -> tuple[int, int] | None:
    """(images generated, images in total) as the evaluation last logged them; None before the first."""
    for line in reversed(log_lines(job, 1 << 12)):
        if found := _COUNT_LINE.fullmatch(line):
            done, total = (int(number.replace(",", "")) for number in found.groups())
            return done, total
    return None


def run_id_of(job: EvaluationDir) -> str:
    """The id of the run that is evaluated, "" where the job does not tell it."""
    try:
        return job.run().id
    except (OSError, ValueError):
        return ""
