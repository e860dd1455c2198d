"""The processes that train one run: the leader, rank 0, and the ranks that do what it tells them.

The leader starts the others on its own machine, or all are started by ``srun`` or ``torchrun``, which set RANK,
WORLD_SIZE, MASTER_ADDR and MASTER_PORT. What is said and summed on the host goes through gloo, also beside GPUs, whose
gradients go through NCCL: while the leader scores for hours, the others wait on the host, and no watchdog ends them.

Processes that the leader has started inherit its locks and are killed when it ends, however it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from engine.devices import is_out_of_memory, release_memory
from engine.ranks import environment
from engine.ranks.environment import ADDRESS, LEADER, LOCAL, MEETING, PORT, RANK, SIZE
from engine.ranks.sharing import Share

T = TypeVar("T")
FOREVER = timedelta(days=365)
LOST_PATIENCE = 15.0
"""Seconds that the leader has to notice the end of another rank, before it is ended from a thread of its own."""
_STEP, _MESSAGE = 1, 2
_FOLDER = "gentui-ranks-"


class RankLost(Exception):
    """A rank has ended before the leader. The message says which and how."""


class RankFailed(Exception):
    """What was asked of all ranks has failed on one of them, which lives on. The message says why."""


class Abandoned(Exception):
    """The leader no longer wants what it has asked for."""


class Team:
    """The ranks of a run, as one of them sees them. The methods that communicate are called by all ranks."""

    def __init__(self, share: Share, store: Any):
        self.share, self._store = share, store
        self._asked = 0

    def hear(self) -> tuple[str, dict[str, Any]]:
        """What the leader tells: ``("step", {})``, or the word and the values of ``Leader.tell``."""
        kind, length = self._broadcast(torch.zeros(2, dtype=torch.int64)).tolist()
        if kind == _STEP:
            return "step", {}
        message = self._broadcast(torch.zeros(length, dtype=torch.uint8))
        return tuple(json.loads(bytes(message.tolist())))  # type: ignore[return-value]

    def give(self, work: Callable[[Callable[[], None]], object]) -> None:
        """Give the leader, which waits in ``Leader.shared``, what ``work`` returns.

        ``work`` takes a function that it should call often, for that ends the work once nobody wants it.
        """
        self._asked += 1
        key = _abandoned(self._asked)

        def look() -> None:
            if self._store.check([key]):
                raise Abandoned

        result = _attempt(lambda: work(look))
        dist.gather_object(result)

    def copied(self, value: Tensor) -> Tensor:
        """The leader's ``value``, a tensor of equal shape and type on all ranks, on the CPU."""
        return self._broadcast(value.cpu().contiguous().clone())

    def all_equal(self, value: float) -> bool:
        """Whether all ranks have the same number."""
        values = [torch.zeros(1, dtype=torch.float64) for _ in range(self.share.size)]
        dist.all_gather(values, torch.tensor([value], dtype=torch.float64))
        return len({float(each) for each in values}) == 1

    def _broadcast(self, value: Tensor) -> Tensor:
        dist.broadcast(value, 0)
        return value


class Leader(Team):
    """Rank 0. ``processes`` are the ranks it has started, from the first on, which meet it in ``folder``; none where
    others have started them."""

    def __init__(
        self,
        share: Share,
        store: Any,
        processes: Sequence[subprocess.Popen[bytes]] = (),
        folder: Path | None = None,
    ):
        super().__init__(share, store)
        self._processes, self._folder = processes, folder
        self._lost = ""
        self._has_ended = threading.Event()
        self._is_closing = False

    def step(self) -> None:
        """Tell the others to take a step."""
        self._broadcast(torch.tensor([_STEP, 0], dtype=torch.int64))

    def tell(self, word: str, **values: Any) -> None:
        """Tell the others to do something, with values that JSON can hold."""
        message = json.dumps([word, values]).encode()
        self._broadcast(torch.tensor([_MESSAGE, len(message)], dtype=torch.int64))
        self._broadcast(torch.frombuffer(bytearray(message), dtype=torch.uint8))

    def shared(self, word: str, values: dict[str, Any], work: Callable[[], T]) -> list[T]:
        """Tell the others to do something, do ``work`` meanwhile, and return what all have made, by rank.

        The others answer with ``give``. Raises what ``work`` raises; RankFailed, or torch.OutOfMemoryError, when it
        failed elsewhere. All ranks go on afterwards.
        """
        self._asked += 1
        self.tell(word, **values)
        results: list[Any] = [None] * self.share.size
        try:
            made = work()
        except BaseException:
            self._store.set(_abandoned(self._asked), "")
            dist.gather_object(("failed", ""), results)
            raise
        dist.gather_object(("done", None), results)
        for rank, (outcome, said) in enumerate(results):
            if outcome == "out of memory":
                raise torch.OutOfMemoryError(f"rank {rank}: {said}")
            if outcome == "failed":
                raise RankFailed(f"rank {rank}: {said}")
        return [made, *(of_other for _, of_other in results[1:])]

    def assemble(self, look: Callable[[], object]) -> None:
        """Wait until all ranks are there. ``look`` is called meanwhile and may raise. Raises RankLost."""
        ready = [_ready(rank) for rank in range(1, self.share.size)]
        while not self._store.check(ready):
            look()
            if reason := self.lost():
                raise RankLost(reason)
            time.sleep(0.02)
        _join_group(self.share, self._store)

    def watch(self, end: Callable[[str], None]) -> None:
        """From now on, ``end`` is called with the reason, in a thread, when a rank has ended and the leader has not
        noticed by itself after ``LOST_PATIENCE``: it may wait for that rank for ever."""

        def wait() -> None:
            ended = select.poll()
            pidfds = {os.pidfd_open(p.pid): rank for rank, p in enumerate(self._processes, 1)}
            for pidfd in pidfds:
                ended.register(pidfd, select.POLLIN)
            rank = pidfds[ended.poll()[0][0]]
            for pidfd in pidfds:
                os.close(pidfd)
            if self._is_closing:
                return
            self._lost = self._reason(rank)
            self._has_ended.set()
            time.sleep(LOST_PATIENCE)
            if not self._is_closing:
                end(self._lost)

        if self._processes:
            threading.Thread(target=wait, name="ranks", daemon=True).start()

    def lost(self, patience: float = 0.0) -> str:
        """How a rank has ended too early; "" if none has within ``patience`` seconds."""
        self._has_ended.wait(patience)
        return self._lost

    def close(self) -> None:
        """Tell the others that the run has ended, and see that they have."""
        self._is_closing = True
        if dist.is_initialized() and not self._lost:
            with contextlib.suppress(RuntimeError):
                self.tell("end")
        deadline = time.monotonic() + LOST_PATIENCE
        for process in self._processes:
            if not self._lost and dist.is_initialized():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
            process.kill()
            process.wait()
        if dist.is_initialized() and not self._lost:
            dist.destroy_process_group()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _reason(self, rank: int) -> str:
        code = self._processes[rank - 1].wait()
        name = f"rank {rank} of {self.share.size}"
        if code < 0:
            return f"{name} was killed by signal {-code}"
        said = self._store.get(_said(rank)).decode() if self._store.check([_said(rank)]) else ""
        return f"{name} failed: {said or f'exit code {code}'}"


def lead(size: int, arguments: Sequence[str]) -> Leader:
    """Start the ranks 1 to ``size`` − 1, each ``python -P -m engine ARGUMENTS``, or join those that are there already.

    The locks that this process holds must be inheritable. Does not wait for the others: see ``Leader.assemble``.
    """
    share = Share(0, size)
    if environment.is_started_by_others():
        return Leader(share, _network_store(size, is_leader=True))
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    meeting = _meeting_folder() / "store"
    processes = []
    for rank in range(1, size):
        variables = {
            RANK: str(rank), LOCAL: str(rank), SIZE: str(size), MEETING: str(meeting), LEADER: str(os.getpid()),
        }  # fmt: skip
        processes.append(
            subprocess.Popen(
                [sys.executable, "-P", "-m", "engine", *arguments],
                stdin=subprocess.DEVNULL,
                close_fds=False,
                env={**os.environ, **variables},
            )
        )
    return Leader(share, _file_store(meeting, size), processes, meeting.parent)


def join(share: Share) -> tuple[Team, Callable[[str], None]]:
    """Join the leader. Returns the team, and what tells the leader why this rank has failed."""
    if environment.is_started_by_others():
        store = _network_store(share.size, is_leader=False)
    else:
        store = _file_store(Path(os.environ[MEETING]), share.size)
    store.set(_ready(share.rank), "")
    _join_group(share, store)
    return Team(share, store), lambda reason: store.set(_said(share.rank), reason)


def _meeting_folder() -> Path:
    """A new private folder on this machine: unlike a port, nobody else can reach it. Those of killed leaders go."""
    for left in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        pid = left.name.removeprefix(_FOLDER).partition("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-"))


def _file_store(path: Path, size: int) -> Any:
    """A store of small values for the processes of one machine."""
    store = dist.FileStore(str(path), size)  # pyright: ignore[reportPrivateImportUsage]
    store.set_timeout(FOREVER)
    return store


def _network_store(size: int, is_leader: bool) -> Any:
    """A store of small values that the leader keeps for processes of any machine, where the environment says."""
    return dist.TCPStore(  # pyright: ignore[reportPrivateImportUsage]
        os.environ[ADDRESS], int(os.environ[PORT]), size, is_leader, FOREVER, False
    )


def _join_group(share: Share, store: Any) -> None:
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=share.rank, world_size=share.size, timeout=FOREVER)


def _attempt(work: Callable[[], object]) -> tuple[str, object]:
    """("done", what ``work`` returns), or how it failed and the reason in words."""
    try:
        return "done", work()
    except Abandoned:
        return "abandoned", None
    except Exception as error:
        if is_out_of_memory(error):
            release_memory()
            return "out of memory", str(error)
        traceback.print_exc()
        return "failed", f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"


def _abandoned(number: int) -> str:
    return f"abandoned/{number}"


def _ready(rank: int) -> str:
    return f"ready/{rank}"


def _said(rank: int) -> str:
    return f"said/{rank}"
