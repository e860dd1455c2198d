"""Slurm's commands: what they are asked, and their answers as values.

Formats: squeue(1), sacct(1), scontrol(1). A job that has ended is known to squeue and scontrol for MinJobAge (mostly
300 s), and afterwards to sacct only, where there is accounting.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from gentui.jobs.job_types import OF_RANKS
from gentui.text.sanitize import clean

PREFIX = "gentui-"
"""The names of gentui's jobs begin with it."""
TIMEOUT = 10.0
"""Seconds that a command may take. Those of Slurm try for nine to reach a controller that is down."""
MOST_TASKS = 1001
"""Slurm's default for MaxArraySize."""
_SQUEUE = "%i|%A|%T|%j|%N|%V|%S|%e|%l|%r"
_FIELD = re.compile(r"(?:^|\s)([A-Za-z:]+)=(\S*)")
_NO_NODE = frozenset({"", "(null)", "None assigned", "None"})


class SlurmError(Exception):
    """A command of Slurm failed; the message is one sentence, its own where it has one."""


@dataclass(frozen=True)
class Job:
    """What Slurm says of a job. ``id``: ``83``, or ``83_0`` for a task of an array. Times are unix seconds.

    ``limit``: the time limit as Slurm writes it, ``reason``: why it waits or how it ended, in Slurm's word.
    """

    id: str
    name: str
    state: str
    nodes: str = ""
    submitted: float | None = None
    start: float | None = None
    end: float | None = None
    limit: str = ""
    reason: str = ""
    code: int | None = None
    signal: int | None = None


def is_here() -> bool:
    """Whether Slurm's commands are on this machine."""
    return shutil.which("sbatch") is not None and shutil.which("squeue") is not None


def environment() -> dict[str, str]:
    """The variables for Slurm's commands: without those of a job or a shell that change what they do or print."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if name not in OF_RANKS
        and (
            name == "SLURM_CONF"
            or not re.match(r"(SLURM|SBATCH|SQUEUE|SACCT|SCANCEL|SINFO|SCONTROL|SRUN)_", name)
        )
    }
    return ours | {"LC_ALL": "C", "SLURM_TIME_FORMAT": "%s"}


def ask(*command: str, given: str = "") -> str:
    """What a command prints that is given a text on stdin. Raises SlurmError."""
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, timeout=TIMEOUT, check=False,
            errors="replace", env=environment(),
        )  # fmt: skip
    except FileNotFoundError:
        raise SlurmError(f"there is no Slurm on this machine: `{command[0]}` is not on the PATH") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SlurmError(f"{command[0]} does not answer: {clean(error, 200)}") from None
    if done.returncode:
        raise SlurmError(complaint(done.stderr) or f"{command[0]} failed with exit code {done.returncode}")
    return done.stdout


def complaint(errors: str) -> str:
    """What a command complains of, in one line without the command's name."""
    lines = [clean(line, 300) for line in errors.splitlines() if line.strip()]
    words = [re.sub(r"^\w+: (error: |fatal: )?", "", line) for line in lines]
    return "; ".join(dict.fromkeys(words))


def answers() -> bool:
    """Whether a controller is up. It is asked first: everything else waits nine seconds for one that is not."""
    try:
        return " is UP" in ask("scontrol", "ping")
    except SlurmError as error:
        return " is UP" in str(error)


def most_tasks() -> int:
    """How many tasks an array may have, 0 where there are no arrays. Source: slurm.conf(5), MaxArraySize: the largest
    index is one less, and the first is 0. Raises SlurmError."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", ask("scontrol", "show", "config"), re.MULTILINE)
    return int(found[1]) if found else MOST_TASKS


def queue() -> list[Job]:
    """The jobs of gentui that Slurm knows of this user, tasks of arrays one by one. Raises SlurmError."""
    lines = ask("squeue", "--noheader", "--array", "--states=all", "--me", f"--format={_SQUEUE}").splitlines()
    return [job for line in lines if (job := parse_queued(line)) is not None]


def parse_queued(line: str) -> Job | None:
    """The job of gentui in a line of squeue; None for others."""
    fields = line.rstrip("\n").split("|", 9)
    if len(fields) < 10 or not fields[3].startswith(PREFIX):
        return None
    job, _, state, name, nodes, submitted, start, end, limit, reason = fields
    return Job(
        job, name, state, _node(nodes), _time(submitted), _time(start), _time(end), limit,
        _reason(reason),
    )  # fmt: skip


def describe(job: str) -> Job | None:
    """A job that may have ended, with its exit code; None if Slurm does not know it. Raises SlurmError."""
    try:
        found = parse_described(ask("scontrol", "--oneliner", "show", "job", job), job)
    except SlurmError as error:
        if "Invalid job id" not in str(error):
            raise
        found = None
    return found or accounted(job)


def parse_described(text: str, job: str) -> Job | None:
    """The job in the lines of ``scontrol --oneliner show job``."""
    for line in text.splitlines():
        fields = dict(_FIELD.findall(line))
        array, task = fields.get("ArrayJobId"), fields.get("ArrayTaskId")
        if job not in (fields.get("JobId"), f"{array}_{task}") or ("_" in job) != bool(array):
            continue
        code, signal = _exit(fields.get("ExitCode", ""))
        return Job(
            job, fields.get("JobName", ""), fields.get("JobState", ""), _node(fields.get("NodeList", "")),
            _time(fields.get("SubmitTime", "")), _time(fields.get("StartTime", "")), _time(fields.get("EndTime", "")),
            fields.get("TimeLimit", ""), _reason(fields.get("Reason", "")), code, signal,
        )  # fmt: skip
    return None


def accounted(job: str) -> Job | None:
    """The last life of a job in the accounting; None if it is not there, or there is no accounting."""
    fields = "JobID,JobIDRaw,JobName,State,ExitCode,Submit,Start,End,NodeList"
    try:
        text = ask(
            "sacct", "--noheader", "--parsable2", "--allocations", "--duplicates", f"--jobs={job}", "-o", fields
        )
    except SlurmError:
        return None
    lives = [found for line in text.splitlines() if (found := parse_accounted(line, job)) is not None]
    return lives[-1] if lives else None


def parse_accounted(line: str, job: str) -> Job | None:
    """The job in a line of sacct."""
    fields = line.split("|")
    if len(fields) < 9 or fields[0] != job:
        return None
    _, _, name, state, exit_code, submitted, start, end, nodes = fields[:9]
    code, signal = _exit(exit_code)
    by = state.partition(" ")  # "CANCELLED by 1000"
    return Job(
        job, name, by[0], _node(nodes), _time(submitted), _time(start), _time(end), "", by[2], code, signal,
    )  # fmt: skip


def _exit(text: str) -> tuple[int | None, int | None]:
    """(exit code, signal) of ``1:0`` or ``0:9``; a signal of 0 is none."""
    code, _, signal = text.partition(":")
    if not code.isdigit() or not signal.isdigit():
        return None, None
    return (None, int(signal)) if int(signal) else (int(code), None)


def _reason(text: str) -> str:
    return "" if text == "None" else text


def _time(text: str) -> float | None:
    return float(text) if text.isdigit() else None


def _node(text: str) -> str:
    return "" if text in _NO_NODE else clean(text, 60)
