"""What each device slot works on, and what waits for it."""

from __future__ import annotations

from pathlib import Path

from gentui.jobs.job_types import job_type_of
from gentui.jobs.launchers.local.slots import fits, label, slots, taken
from gentui.jobs.states import queue, unfinished
from gentui.machine.monitor import SlotJob


def queue_by_slot(home: Path) -> dict[str, tuple[SlotJob, ...]]:
    """The running and waiting jobs of every slot, in order. A job that any slot may take is listed under each."""
    running = [(job, state) for job, state in unfinished(home) if state.status == "running"]
    waiting = queue(home)
    at_work = [(job, state.pid, slot) for job, state in running for slot in taken(state)]
    names = dict.fromkeys([*slots(), *(slot for *_, slot in at_work)])
    return {
        label(slot): (
            *(SlotJob(job.id, job_type_of(job).noun, 0, pid) for job, pid, its in at_work if its == slot),
            *(
                SlotJob(job.id, job_type_of(job).noun, place)
                for place, (job, _) in enumerate([pair for pair in waiting if fits(pair[1], slot)], 1)
            ),
        )
        for slot in names
    }


def when_free(queues: dict[str, tuple[SlotJob, ...]]) -> str:
    """When a job for any device would start: ``cpu is free: starts now``, ``cpu: after 2 others``."""
    usable = {slot: jobs for slot, jobs in queues.items() if slot != "cpu"} or queues
    slot = min(usable, key=lambda name: len(usable[name]))
    before = len(usable[slot])
    return f"{slot}: after {before} other{'s' * (before > 1)}" if before else f"{slot} is free: starts now"


def queue_summary(jobs: tuple[SlotJob, ...]) -> str:
    """``20260101-…; 2 waiting``."""
    running = [job.id for job in jobs if job.place == 0]
    waiting = len(jobs) - len(running)
    return (", ".join(running) or "idle") + (f"; {waiting} waiting" if waiting else "")
