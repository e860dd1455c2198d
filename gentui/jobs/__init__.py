"""The job queue: launch, stop, resume, liveness. There is no daemon, and killing any process loses nothing. Torch-free.

The queue is the job directories themselves: runs under ``runs`` and evaluations under ``evaluations`` whose
``state.json`` says ``queued``, ordered by ``queued_at``. Where a job lives, its launcher knows (``launchers``). Of this
machine each device slot has at most one worker process, which holds ``slots/<host>/<slot>.worker.lock``. The process it
starts (a trainer or an evaluation) inherits two locks: ``slots/<host>/<slot>.lock``, so that a device never runs two
jobs even if its worker is killed, and the job's own ``lock``: a job is alive exactly as long as a process holds it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gentui.jobs.annotations import note, rename, tag
    from gentui.jobs.evaluations import evaluate, find_evaluation, pending
    from gentui.jobs.launching import launch, remove, reorder, resume
    from gentui.jobs.reconciling import ensure_workers, reconcile, reconcile_and_spawn, settled
    from gentui.jobs.states import JobError, get_job
    from gentui.jobs.stopping import stop
    from gentui.jobs.trash import restore

__all__ = [
    "JobError", "ensure_workers", "evaluate", "find_evaluation", "get_job", "launch", "note", "pending",
    "reconcile", "reconcile_and_spawn", "remove", "rename", "reorder", "restore", "resume", "settled", "stop",
    "tag",
]  # fmt: skip

_HOME = {
    "JobError": "states",
    "ensure_workers": "reconciling",
    "evaluate": "evaluations",
    "find_evaluation": "evaluations",
    "get_job": "states",
    "launch": "launching",
    "note": "annotations",
    "pending": "evaluations",
    "reconcile": "reconciling",
    "reconcile_and_spawn": "reconciling",
    "remove": "launching",
    "rename": "annotations",
    "reorder": "launching",
    "restore": "trash",
    "resume": "launching",
    "settled": "reconciling",
    "stop": "stopping",
    "tag": "annotations",
}


def __getattr__(name: str) -> Any:
    """Import a function on its first use: the index needs this package's liveness checks, not its launcher."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
