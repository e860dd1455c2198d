"""Queue, worker, launch, stop, resume, liveness. No daemon, nothing lost; torch-free.

The queue is the run directories themselves: runs whose ``state.json`` says ``queued``, in ``queued_at``
order. Each device slot has at most one worker process, which holds ``slots/<slot>.worker.lock``. The
trainer it starts inherits two locks: ``slots/<slot>.lock`` (one trainer per device, whatever happens to
workers) and the run's own ``lock`` (the run is alive exactly as long as somebody holds it).
"""

from gentui.jobs.launch import launch, remove, resume
from gentui.jobs.reconcile import reconcile
from gentui.jobs.slots import ensure_workers, slots
from gentui.jobs.states import JobError
from gentui.jobs.stopping import stop

__all__ = ["JobError", "ensure_workers", "launch", "reconcile", "remove", "resume", "slots", "stop"]
