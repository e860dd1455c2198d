"""A trainer that is a job of Slurm: whether it may begin, and queueing itself again. Torch-free.

What a job sees of itself at SIGTERM tells why it came: Slurm says RUNNING when it only warns, of the time limit or of a
preemption, and COMPLETING once it ends the job. Warned and left with exit code 0, a job is COMPLETED and never begun
again unless it asks for that itself.
"""

from __future__ import annotations

import os
import subprocess

from engine.runs.directory import RunDir, State, exclusive

TAKE_OVER_SECONDS = 60.0
"""How long a trainer waits for one that Slurm has given up to leave."""
_TIMEOUT = 30.0


def job_name() -> str:
    """This job as Slurm's commands name it; "" outside of one. A task of an array has a number like that of the array
    itself, so that only ``ARRAY_TASK`` names it without doubt."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")


def refusal(run: RunDir) -> str:
    """Why this job must not train the run, a late or a second one say; "" if it may."""
    state = _state(run)
    if state is None:
        return ""
    on = state.extra.get("on")
    if not isinstance(on, dict) or on.get("launcher") != "slurm":
        return "it was queued elsewhere meanwhile"
    if on.get("job") not in (None, job_name()):
        return f"job {on.get('job')} does"
    if state.stop_requested_at is not None:
        return "it was asked to stop meanwhile"
    if state.ended:
        return f"it is {state.status}; `gentui resume` begins it again"
    return ""


def queue_again(run: RunDir) -> bool:
    """Have Slurm queue this job again, if it was warned and nobody asked the run to stop. Returns whether it will."""
    state, job = _state(run), job_name()
    if state is None or state.stop_requested_at is not None or not job:
        return False
    if _answer("squeue", "--noheader", f"--jobs={job}", "--format=%T") != "RUNNING":
        return False
    if _answer("scontrol", "requeue", job) is None:
        return False
    print(f"Slurm begins job {job} again as soon as it can", flush=True)
    return True


def _answer(*command: str) -> str | None:
    """What a command of Slurm prints; None if it fails, is missing or hangs."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT, check=True, stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        print(f"{command[0]}: {(getattr(error, 'stderr', None) or str(error)).strip()}", flush=True)
        return None
    return done.stdout.strip()


def _state(run: RunDir) -> State | None:
    try:
        with exclusive(
            run.path
        ):  # who asks for a stop sends its signal before that is written, under this lock
            return run.read_state()
    except (OSError, ValueError, TypeError):
        return None
