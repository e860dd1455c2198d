"""Whether a job is of this machine, and where it is said to run.

A job that was sent to a host by SSH is of the machine that calls itself as ``on["host"]`` says, and is there like any
other of its own. Everybody else leaves it to that machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.runs.directory import State
from gentui.jobs.launchers.hosts import SSH
from gentui.jobs.launchers.local.locks import host_name
from gentui.text.sanitize import clean

ON = "on"
"""The field of ``State.extra`` that names a job's launcher and what it knows of the job."""
CALLED = "called"
"""The field of ``State.extra`` with what the machine that took a job calls its slots."""


def sent_to(extra: Mapping[str, Any]) -> dict[str, str]:
    """What ``State.extra`` says of the machine that a job was sent to by SSH: its ``name``, and the ``host`` that it
    calls itself, once it is known; {} for any other job."""
    on = extra.get(ON)
    if not isinstance(on, dict) or on.get("launcher") != SSH:
        return {}
    return {key: clean(on[key], 80) for key in ("name", "host") if isinstance(on.get(key), str)}


def is_here(state: State) -> bool:
    """Whether a job is this machine's to look after, or of the queue that machines with one home have in common."""
    return ON not in state.extra or sent_to(state.extra).get("host") == host_name()


def shown_slot(slot: str | None, extra: Mapping[str, Any]) -> str | None:
    """A slot with the machine by SSH that it is of: ``box2 cuda:1``; any other as it is."""
    if not (name := sent_to(extra).get("name")):
        return slot
    called = extra.get(CALLED)
    return f"{name} {clean(called, 40) if isinstance(called, str) else slot or ''}".rstrip()
