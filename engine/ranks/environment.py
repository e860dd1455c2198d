"""What the environment says of the ranks of a run. Torch-free, so that signals are handled before torch is imported.

The variables are those of ``torchrun``; with Slurm, ``srun`` sets others, from which a job's script makes these.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal

RANK, SIZE, LOCAL, ADDRESS, PORT = "RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"
LEADER, MEETING = "GENTUI_LEADER", "GENTUI_MEETING"
"""The pid of the leader that started this process, and the file in which they meet; not set where another program
has started both."""
_PR_SET_PDEATHSIG = 1  # prctl.h


def size() -> int:
    """The number of processes that share the run; 1 where it is not said where they meet."""
    is_said = LEADER in os.environ or (ADDRESS in os.environ and PORT in os.environ)
    return _number(SIZE, 1) if is_said else 1


def rank() -> int:
    """The rank of this process: 0 is the leader, and that of a run with one process."""
    return _number(RANK, 0) if size() > 1 else 0


def local_rank() -> int:
    """The number of this process among those on its machine."""
    return _number(LOCAL, rank())


def is_started_by_others() -> bool:
    """Whether all ranks are started by ``srun``, ``torchrun`` or another program, and none by the leader."""
    return size() > 1 and LEADER not in os.environ


def end_with_leader() -> None:
    """Let the kernel kill this process when the leader that started it ends; a signal to stop is the leader's to obey.

    Raises SystemExit when it has ended already.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    leader = os.environ.get(LEADER)
    if leader is None:
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(leader):
        raise SystemExit(1)


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else default
