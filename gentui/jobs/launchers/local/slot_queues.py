"""What each device slot works on, and what waits for it."""

from __future__ import annotations

from pathlib import Path

from engine.runs.directory import JobDir, State
from gentui.jobs.job_types import job_type_of
from gentui.jobs.launchers.local.here import is_here, shown_slot
from gentui.jobs.launchers.local.launcher import LocalLauncher, other_host
from gentui.jobs.launchers.local.slots import fits, label, slots, taken
from gentui.jobs.states import in_order, unfinished
from gentui.machine.monitor import SlotJob


def queue_by_slot(home: Path) -> dict[str, tuple[SlotJob, ...]]:
    """The running and waiting jobs of every slot, in order. A job that any slot may take is listed under each. After
    them those of each host elsewhere, running or waiting there in no order that is known here.

    A job whose process died unseen is where it belongs by that: back in the queue, or nowhere.
    """
    here, elsewhere = [], []
    for job, state in unfinished(home):
        (here if is_here(state) and not other_host(state) else elsewhere).append((job, state))
    looks = LocalLauncher().look(here)
    found = [(job, looks[job.id].state) for job, _ in here]
    waiting = in_order(found)
    at_work = [
        (job, state.pid, slot) for job, state in found if state.status == "running" for slot in taken(state)
    ]
    names = dict.fromkeys([*slots(), *(slot for *_, slot in at_work)])
    of_slots = {
        label(slot): (
            *(SlotJob(job.id, job_type_of(job).noun, 0, pid) for job, pid, its in at_work if its == slot),
            *(
                SlotJob(job.id, job_type_of(job).noun, place)
                for place, (job, _) in enumerate([pair for pair in waiting if fits(pair[1], slot)], 1)
            ),
        )
        for slot in names
    }
    return of_slots | _elsewhere(elsewhere)


def _elsewhere(jobs: list[tuple[JobDir, State]]) -> dict[str, tuple[SlotJob, ...]]:
    """The jobs of each host that is not this machine."""
    hosts: dict[str, list[SlotJob]] = {}
    for job, state in sorted(jobs, key=lambda pair: (pair[1].status != "running", pair[1].queued_at or 0.0)):
        slot = shown_slot(state.slot, state.extra)  # "gpu node1", "box2 cuda:0"
        place = [other_host(state), label(slot or "")] if is_here(state) else (slot or "elsewhere").split(" ")
        there = hosts.setdefault(place[0], [])
        waits = sum(1 for one in there if one.place) + 1 if state.status == "queued" else 0
        there.append(SlotJob(job.id, job_type_of(job).noun, waits, where=" ".join(place[1:])))
    return {name: tuple(there) for name, there in hosts.items()}


def when_free(queues: dict[str, tuple[SlotJob, ...]]) -> str:
    """When a job for any device would start: ``cpu is free: starts now``, ``cpu: after 2 others``."""
    here = {slot: jobs for slot, jobs in queues.items() if slot == "cpu" or slot.startswith("cuda:")}
    usable = {slot: jobs for slot, jobs in here.items() if slot != "cpu"} or here
    slot = min(usable, key=lambda name: len(usable[name]))
    before = len(usable[slot])
    return f"{slot}: after {before} other{'s' * (before > 1)}" if before else f"{slot} is free: starts now"


def queue_summary(jobs: tuple[SlotJob, ...]) -> str:
    """``20260101-…; 2 waiting``."""
    running = [job.id for job in jobs if job.place == 0]
    waiting = len(jobs) - len(running)
    return (", ".join(running) or "idle") + (f"; {waiting} waiting" if waiting else "")
