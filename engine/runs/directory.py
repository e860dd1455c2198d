"""The directory of a run: its layout, its state and its checkpoints. Torch-free.

The files are the only source of truth: all that gentui displays about a run can be recreated from its directory. The
trainer writes events, samples and checkpoints; the worker (or, if it is gone, whichever process reconciles) writes
``state.json``.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from engine.runs.among_hosts import among_hosts
from engine.runs.files import (
    DIR_MODE,
    NotAPlainFile,
    open_plain_file,
    private_folder,
    read_head,
    read_object,
    write_atomically,
    write_small,
)
from engine.runs.filesystems import is_shared

Status = Literal["queued", "running", "stalled", "done", "stopped", "failed", "interrupted", "lost"]
STATUSES: tuple[str, ...] = get_args(Status)
FINAL: frozenset[str] = frozenset({"done", "stopped", "failed", "interrupted", "lost"})

CheckpointChoice = Literal["best", "last"] | int
"""A checkpoint of a run: the best, the last, or the kept one of a step."""

_KEPT = re.compile(r"kept-([0-9]{9,18})")
_RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-z]{5}")
_EVENTS = re.compile(r"events-(0|[1-9][0-9]{0,8})\.jsonl")


def new_run_id(now: datetime | None = None) -> str:
    """A new id that sorts by time: UTC date and time, then milliseconds and two random hex digits."""
    now = now or datetime.now(UTC)
    return f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03d}{secrets.token_hex(1)}"


def is_run_id(text: str) -> bool:
    """Whether ``text`` has the form of a run id."""
    return _RUN_ID.fullmatch(text) is not None


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the flock on a directory that guards its small files. Raises OSError if the directory is gone.

    On a shared file system, where no other host knows of it, a lock file is held as well.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        with among_hosts(folder, boot_id()) if is_shared(folder) else nullcontext():
            yield
    finally:
        os.close(fd)


def boot_id() -> str:
    """The id of this boot of the machine, since pids of an earlier boot are meaningless; "" if unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def process_start_time(pid: int) -> int | None:
    """The start time of process ``pid`` in clock ticks since boot; None if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (OSError, UnicodeDecodeError):
        return None
    return int(stat[stat.rindex(")") + 2 :].split()[19])


@dataclass(frozen=True)
class State:
    """Contents of ``state.json``. Times are unix seconds; ``start_time`` is in clock ticks since boot.

    ``queued_at`` orders the queue. ``slot`` is the requested slot while queued (None: any), and the assigned one while
    running. ``stop_requested_at`` is set when the user has asked this attempt to stop.
    """

    status: Status = "queued"
    reason: str = ""
    attempt: int = 0
    slot: str | None = None
    queued_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    pid: int | None = None
    start_time: int | None = None
    boot_id: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    stop_requested_at: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def with_(self, **changes: Any) -> State:
        """A copy with some fields changed."""
        return replace(self, **changes)

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self.status in FINAL


class JobDir:
    """The directory of a job: work that waits in the queue, is done by one process at a time, and ends.

    ``state.json`` is its state, ``lock`` is locked by the process that works on it, and ``log.txt`` is the output of
    that process.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self.id = self.path.name
        self.state_path = self.path / "state.json"
        self.log_path = self.path / "log.txt"
        self.lock_path = self.path / "lock"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def read_state(self) -> State:
        """Read ``state.json``, ignoring unknown fields. Raises OSError or ValueError."""
        raw = read_object(self.state_path)
        names = {f.name for f in fields(State)}
        return State(**{k: v for k, v in raw.items() if k in names})

    def write_state(self, state: State) -> None:
        """Replace ``state.json``, on a full disk by writing over it. Raises OSError."""
        write_small(self.state_path, json.dumps(asdict(state), indent=1).encode())

    def open_lock(self) -> int:
        """Open the lock file: a descriptor that is not yet locked and not inheritable. Raises OSError."""
        return open_plain_file(self.lock_path, os.O_RDWR | os.O_CREAT)

    def is_alive(self) -> bool:
        """Whether a process holds the lock, according to the kernel."""
        return is_locked(self.lock_path)


def begin_job(folder: Path, state: State) -> JobDir:
    """Create a job directory under ``folder`` (created if missing), invisible to others until ``publish_job``."""
    private_folder(folder)
    building = JobDir(tempfile.mkdtemp(dir=folder, prefix=".new-"))
    with no_half_made(building):
        building.write_state(state)
        os.close(building.open_lock())
    return building


@contextmanager
def no_half_made(building: JobDir) -> Iterator[None]:
    """Delete a job that cannot be completed, on a full disk say."""
    try:
        yield
    except BaseException:
        shutil.rmtree(building.path, ignore_errors=True)
        raise


def publish_job(building: JobDir, name: str, info: dict[str, Any], prefix: str = "") -> Path:
    """Give the job an id, write it with ``info`` to its file ``name``, and rename the directory to the id: its path."""
    while True:
        job_id = prefix + new_run_id()
        with no_half_made(building):
            write_atomically(building.path / name, json.dumps({"id": job_id, **info}, indent=1).encode())
        place = building.path.with_name(job_id)
        try:
            building.path.rename(place)
        except OSError as error:
            # Only the rename tells whether an id is free: another process may have taken it just now.
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        else:
            return place


class RunDir(JobDir):
    """The directory of a run, ``$GENTUI_HOME/runs/<run-id>``."""

    def __init__(self, path: str | os.PathLike[str]):
        super().__init__(path)
        self.recipe_path = self.path / "recipe.toml"
        self.info_path = self.path / "run.json"
        self.architecture_path = self.path / "architecture.txt"
        self.checkpoints = self.path / "checkpoints"
        self.samples = self.path / "samples"
        self.figures = self.path / "figures"

    @classmethod
    def create(
        cls,
        home: Path,
        recipe_toml: str,
        info: dict[str, Any],
        state: State,
        files: Mapping[str, bytes] | None = None,
    ) -> RunDir:
        """Create a run under ``home``, with further ``files``. It appears atomically, by a rename."""
        building = cls.begin(home, state)
        with no_half_made(building):
            for name, data in {building.recipe_path.name: recipe_toml.encode(), **(files or {})}.items():
                write_atomically(building.path / name, data)
        return building.publish(info)

    @classmethod
    def begin(cls, home: Path, state: State) -> RunDir:
        """Create a run without a recipe, invisible to others until ``publish``."""
        building = cls(begin_job(home / "runs", state).path)
        with no_half_made(building):
            for folder in (building.checkpoints, building.samples, building.figures):
                folder.mkdir(mode=DIR_MODE)
        return building

    def publish(self, info: dict[str, Any]) -> RunDir:
        """Give a run made by ``begin`` its id, and rename it into place: the run there."""
        return type(self)(publish_job(self, self.info_path.name, info))

    def info(self) -> dict[str, Any]:
        """``run.json``: identity, command, versions, git commit, host, device, seed. Raises OSError or ValueError."""
        return read_object(self.info_path)

    def update_info(self, **changes: Any) -> None:
        write_atomically(self.info_path, json.dumps({**self.info(), **changes}, indent=1).encode())

    def imported_from(self) -> str:
        """The kind of log that the run was imported from; "" for a run that gentui trained."""
        try:
            imported = self.info().get("imported")
        except (OSError, ValueError):
            return ""
        return str(imported.get("from") or "another program") if isinstance(imported, dict) else ""

    def architecture(self) -> str:
        """The description of the nets that the trainer wrote; "" if it cannot be read."""
        try:
            return read_head(self.architecture_path)
        except OSError:
            return ""

    def checkpoint(self, which: CheckpointChoice) -> Path:
        """The path of a checkpoint, a link to its directory, whether it exists or not."""
        return self.checkpoints / (which if isinstance(which, str) else f"kept-{which:09d}")

    def kept_steps(self) -> list[int]:
        """The steps whose checkpoints are kept for good, ascending."""
        try:
            matches = [match for path in self.checkpoints.iterdir() if (match := _KEPT.fullmatch(path.name))]
        except OSError:
            return []
        return sorted(int(match[1]) for match in matches)

    def available_checkpoints(self) -> list[CheckpointChoice]:
        """The checkpoints that exist, the default one first."""
        available: list[CheckpointChoice] = [
            which for which in ("best", "last") if self.checkpoint(which).exists()
        ]
        return [*available, *self.kept_steps()]

    def missing_checkpoint_message(self, which: CheckpointChoice | None) -> str:
        """The message for a checkpoint that does not exist; ``which`` None: for any checkpoint."""
        available = self.available_checkpoints()
        if not isinstance(which, int):
            what = f"{which} checkpoint" if which else "checkpoint"
            return f"run {self.id} has no {what} yet: there is nothing to draw from"
        if not available:
            return f"run {self.id} has no checkpoint yet, of step {which} or any other"
        *before, last = map(str, available)
        choose = f"{', '.join(before)} or {last}" if before else last
        return f"run {self.id} has kept no checkpoint of step {which}: choose {choose}"

    def events_path(self, attempt: int) -> Path:
        """The event file of an attempt."""
        return self.path / f"events-{attempt}.jsonl"

    def events_files(self) -> list[tuple[int, Path]]:
        """Attempt and path of all event files, oldest attempt first."""
        files = []
        for path in self.path.iterdir():
            if match := _EVENTS.fullmatch(path.name):
                files.append((int(match[1]), path))
        return sorted(files)


def parse_checkpoint(text: str) -> CheckpointChoice:
    """Parse ``best``, ``last`` or the number of a step. Raises ValueError with a sentence."""
    if text in ("best", "last"):
        return text
    if text.isascii() and text.isdecimal() and len(text) <= 18:
        return int(text)
    raise ValueError(f"{text!r} should be best, last or the step of a checkpoint that is kept")


def is_locked(path: Path) -> bool:
    """Whether another open file description holds an exclusive flock on ``path``. A missing file is not locked."""
    try:
        fd = open_plain_file(path)
    except (FileNotFoundError, NotAPlainFile):
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def run_ids(home: Path) -> list[str]:
    """The ids of all runs under ``home``, oldest first."""
    return job_ids(home / "runs", is_run_id)


def job_ids(folder: Path, is_id: Callable[[str], bool]) -> list[str]:
    """The names in a folder that are ids, oldest first."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if is_id(entry.name))
    except FileNotFoundError:
        return []


def list_runs(home: Path) -> list[RunDir]:
    """All runs under ``home``, oldest first."""
    return [RunDir(home / "runs" / name) for name in run_ids(home)]
