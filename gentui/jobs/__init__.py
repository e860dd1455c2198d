"""Queue, worker, launch, stop, resume, liveness. No daemon, nothing lost; torch-free.

The queue is the run directories themselves: runs whose ``state.json`` says ``queued``, in ``queued_at``
order. Each device slot has at most one worker process, which holds ``slots/<slot>.worker.lock``. The
trainer it starts inherits two locks: ``slots/<slot>.lock`` (one trainer per device, whatever happens to
workers) and the run's own ``lock`` (the run is alive exactly as long as somebody holds it).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gentui.jobs.launching import launch, remove, resume
    from gentui.jobs.orphans import reconcile
    from gentui.jobs.slots import ensure_workers, slots
    from gentui.jobs.states import JobError
    from gentui.jobs.stopping import stop

__all__ = ["JobError", "ensure_workers", "launch", "reconcile", "remove", "resume", "slots", "stop"]

_HOME = {
    "JobError": "states",
    "ensure_workers": "slots",
    "launch": "launching",
    "reconcile": "orphans",
    "remove": "launching",
    "resume": "launching",
    "slots": "slots",
    "stop": "stopping",
}


def __getattr__(name: str) -> Any:
    """The functions come with their first use: the index needs this package's liveness, not its launcher."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found
