"""Queue, worker, launch, stop, resume, liveness. No daemon, nothing lost; torch-free.

The queue is the directories themselves: runs to train under ``runs`` and evaluations of runs under ``evaluations``
whose ``state.json`` says ``queued``, in ``queued_at`` order. Each device slot has at most one worker process, which
holds ``slots/<slot>.worker.lock``. What it starts (a trainer, an evaluation) inherits two locks: ``slots/<slot>.lock``
(one of them per device, whatever happens to workers) and the job's own ``lock`` (the job is alive exactly as long as
somebody holds it).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gentui.jobs.annotations import note, rename, tag
    from gentui.jobs.evaluations import evaluate, find_evaluation, pending
    from gentui.jobs.launching import launch, remove, reorder, resume
    from gentui.jobs.orphans import reconcile
    from gentui.jobs.slots import ensure_workers, reconcile_and_spawn
    from gentui.jobs.states import JobError, get_job
    from gentui.jobs.stopping import stop
    from gentui.jobs.trash import restore

__all__ = [
    "JobError", "ensure_workers", "evaluate", "find_evaluation", "get_job", "launch", "note", "pending",
    "reconcile", "reconcile_and_spawn", "remove", "rename", "reorder", "restore", "resume", "stop", "tag",
]  # fmt: skip

_HOME = {
    "JobError": "states",
    "ensure_workers": "slots",
    "evaluate": "evaluations",
    "find_evaluation": "evaluations",
    "get_job": "states",
    "launch": "launching",
    "note": "annotations",
    "pending": "evaluations",
    "reconcile": "orphans",
    "reconcile_and_spawn": "slots",
    "remove": "launching",
    "rename": "annotations",
    "reorder": "launching",
    "restore": "trash",
    "resume": "launching",
    "stop": "stopping",
    "tag": "annotations",
}


def __getattr__(name: str) -> Any:
    """The functions come with their first use: the index needs this package's liveness, not its launcher."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found
