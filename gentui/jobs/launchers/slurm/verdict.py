"""What a job of Slurm is for gentui: Slurm's state and the trainer's last word together say it.

The last word counts most: COMPLETED does not mean trained, and a cancelled trainer may have been done. States:
squeue(1), JOB STATE CODES.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from engine.runs.directory import State, Status
from gentui.jobs.launchers.hosts.slurm import seconds_of
from gentui.jobs.launchers.protocol import Look
from gentui.jobs.launchers.slurm.clients import Job
from gentui.jobs.launchers.slurm.field import on_of
from gentui.text.numbers import clock
from gentui.text.sanitize import clean

WAITS = frozenset(
    {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
)
RUNS = frozenset({"RUNNING", "STAGE_OUT", "SIGNALING", "RESIZING"})
ENDS = frozenset({"COMPLETING"})
SUSPENDED = frozenset({"SUSPENDED", "STOPPED"})
LIVES = WAITS | RUNS | ENDS | SUSPENDED
"""States of a job that has not ended."""
_WORDS = {
    "Priority": "others are before it",
    "Resources": "no node is free",
    "BeginTime": "it may not begin yet",
    "Dependency": "it waits for another job",
    "JobArrayTaskLimit": "as many of its sweep run as may at once",
    "QOSMaxJobsPerUserLimit": "you run as many jobs as you may",
}
NEVER = {
    "PartitionConfig": "the partition has no node like that",
    "PartitionNodeLimit": "the partition has no node like that",
    "PartitionTimeLimit": "the time is beyond the partition's limit",
    "PartitionDown": "the partition takes no jobs",
    "PartitionInactive": "the partition takes no jobs",
    "BadConstraints": "no node meets its constraints",
    "AccountNotAllowed": "the account may not use the partition",
    "QOSNotAllowed": "the quality of service may not use the partition",
    "InvalidAccount": "there is no such account",
    "InvalidQOS": "there is no such quality of service",
    "JobHeldUser": "it is held; `scontrol release` lets it begin",
    "JobHeldAdmin": "the administrator holds it",
}
"""Reasons for which a job waits for ever, unless somebody does something."""
_NO_FOLDER = 53
"""The signal that Slurm tells when a job's output or working folder is not there."""


@dataclass(frozen=True)
class Facts:
    """What the job's files say: the newest ``attempt``, how it reported its end (``word``), when it last wrote, the
    last error in its log and what the process itself said of an exit code; what the ``process`` is called, and what
    can be done after it was killed (``hint``)."""

    attempt: int = 0
    word: dict[str, Any] | None = None
    written: float = 0.0
    error: str = ""
    messages: dict[int, str] | None = None
    process: str = "trainer"
    hint: str = "it can go on from its last checkpoint"


def judge(slurm: Job | None, state: State, facts: Facts) -> Look:
    """How a job stands that Slurm describes so, or that it does not know (None), after an answer of Slurm."""
    attempt = max(state.attempt, facts.attempt)
    if slurm is None:
        status, reason = _unknown(state, facts)
        return _ended(state.with_(attempt=attempt, exit_code=_code_of(status, None)), status, reason)
    if slurm.state in WAITS:
        waiting = state.with_(status="queued", attempt=attempt, slot=_place(state), reason="")
        standing = "stopping" if state.stop_requested_at is not None else pending_words(slurm)
        return Look(True, waiting, standing=standing)
    if slurm.state in RUNS | ENDS | SUSPENDED:
        started = slurm.start or time.time()
        running = state.with_(
            status="running", attempt=attempt, reason="", slot=f"{_place(state)} {slurm.nodes}".rstrip(),
            started_at=state.started_at if state.status == "running" else started,
        )  # fmt: skip
        return _running(slurm, running, facts)
    status, reason = ended_as(slurm, state, facts)
    code = _code_of(status, slurm.code) if slurm.signal is None else None
    ended = state.with_(attempt=attempt, exit_code=code, signal=slurm.signal, slot=_slot(state, slurm))
    return _ended(ended, status, reason, slurm.end)


def _code_of(status: str, reported: int | None) -> int | None:
    """The exit code that Slurm reports; where it reports none, that of a trainer which says that it is done."""
    return 0 if reported is None and status == "done" else reported


def _running(slurm: Job, state: State, facts: Facts) -> Look:
    if slurm.state in SUSPENDED:
        return Look(True, state, "stalled", "suspended by Slurm")
    if state.stop_requested_at is not None:
        return Look(True, state, standing="stopping")
    if slurm.state in ENDS:
        return Look(True, state, standing="ending")
    if slurm.start is not None and facts.written < slurm.start:
        return Look(True, state, standing=f"starting on {slurm.nodes}" if slurm.nodes else "starting")
    return Look(True, state)


def pending_words(slurm: Job) -> str:
    """Why a job waits: ``Slurm: Priority, others are before it``."""
    reason = clean(slurm.reason, 80).strip("()")
    if why := NEVER.get(reason):
        return f"Slurm will not begin it: {reason}, {why}"
    if reason == "BeginTime" and slurm.start:
        return f"Slurm: BeginTime, it begins at {time.strftime('%H:%M:%S', time.localtime(slurm.start))}"
    word = _WORDS.get(reason)
    return f"Slurm: {reason}, {word}" if word else f"Slurm: {reason}" if reason else "Slurm: queued"


def is_hopeless(slurm: Job) -> bool:
    """Whether a job waits for what will not come."""
    return slurm.state in WAITS and slurm.reason.strip("()") in NEVER


def ended_as(slurm: Job, state: State, facts: Facts) -> tuple[Status, str]:
    """(status, reason) of a job that has ended."""
    word = facts.word or {}
    said, reason, step = word.get("status"), clean(word.get("reason") or ""), word.get("step")
    if said == "done":
        return "done", reason
    asked = state.stop_requested_at is not None
    options = on_of(state).get("options", {})
    at = f" at step {step}" if step else ""
    match slurm.state:
        case "OUT_OF_MEMORY":
            what = next((f" ({name}={options[name]})" for name in options if name.startswith("mem")), "")
            return "failed", f"the job's memory{what} ran out"
        case _ if said == "failed":
            return "failed", reason or f"failed{at}"
        case _ if asked:
            how = reason or (f"stopped{at}" if said == "stopped" else "")
            return (
                "stopped",
                how or f"stopped; it did not report how it ended; {facts.hint}",
            )
        case "TIMEOUT" | "DEADLINE":
            seconds = seconds_of(slurm.limit)
            limit = f" of {clock(seconds)}" if seconds else ""
            return "interrupted", f"the time limit{limit} was reached{_saved(said, step)}"
        case "PREEMPTED":
            return "interrupted", f"preempted: Slurm gave its place to another job{_saved(said, step)}"
        case "NODE_FAIL" | "BOOT_FAIL":
            return "interrupted", f"{slurm.nodes or 'the node'} failed"
        case "CANCELLED":
            return "interrupted", f"cancelled outside gentui{_saved(said, step)}"
    if said == "stopped":
        return "interrupted", f"{reason or f'stopped{at}'}; Slurm did not begin it again"
    return "failed", _failure(slurm, facts)


def _failure(slurm: Job, facts: Facts) -> str:
    if slurm.signal == _NO_FOLDER:
        return f"its log or folder cannot be reached on {slurm.nodes or 'the node'}"
    if slurm.signal is not None:
        return f"killed by signal {slurm.signal}"
    code = slurm.code or 0
    if message := (facts.messages or {}).get(code):
        return message
    if slurm.state not in ("COMPLETED", "FAILED"):
        return f"Slurm ended it: {clean(slurm.state, 40)}"
    message = facts.error or f"the {facts.process} exited without reporting anything"
    return f"{message} (exit code {code})"


def _saved(said: Any, step: Any) -> str:
    return f"; checkpoint at step {step}" if said == "stopped" and step else ""


def _unknown(state: State, facts: Facts) -> tuple[Status, str]:
    """Status and reason of a job that Slurm, which answers, does not know any more."""
    word = facts.word or {}
    if word.get("status") in ("done", "failed", "stopped") or state.stop_requested_at is not None:
        return ended_as(Job("", "", "COMPLETED"), state, facts)
    job = clean(on_of(state).get("job", ""), 40)
    return (
        "lost",
        f"Slurm does not know job {job} any more, and the {facts.process} did not report how it ended",
    )


def _ended(state: State, status: Status, reason: str, at: float | None = None) -> Look:
    ended_at = at if at and at <= time.time() else time.time()
    return Look(False, state.with_(status=status, reason=clean(reason), ended_at=ended_at))


def _place(state: State) -> str:
    return clean(on_of(state).get("name") or "slurm", 40)


def _slot(state: State, slurm: Job) -> str | None:
    return f"{_place(state)} {slurm.nodes}".rstrip() if slurm.nodes else state.slot
