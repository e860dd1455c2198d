"""Hand runs to Slurm: one job for a run, one array for those of a sweep.

The state says that a run is being submitted before sbatch is called, and its number afterwards. Whoever finds the first
without the second asks Slurm for a job of that name, and submits only if there is none.
"""

from __future__ import annotations

import os
import secrets
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.runs.directory import JobDir, RunDir, State, exclusive
from engine.runs.files import open_plain_file
from gentui.jobs.job_types import OF_RANKS, job_type_of
from gentui.jobs.launchers.hosts import slurm_host_of
from gentui.jobs.launchers.hosts.slurm import SlurmHost
from gentui.jobs.launchers.slurm.clients import PREFIX, SlurmError, ask
from gentui.jobs.launchers.slurm.field import on_of, with_on
from gentui.jobs.rota import note_change
from gentui.jobs.states import JobError, job_label, read_state, update_state

DOUBTFUL = (
    30.0  # seconds until a submission that was begun and left no number must be known to Slurm by its name
)
_NO_ANSWER = ("unable to contact", "timed out", "connection", "temporarily", "does not answer")

Members = Sequence[tuple[JobDir, State]]


def new_on(host: SlurmHost, devices: int, array: dict[str, Any] | None) -> dict[str, Any]:
    """What ``State.extra`` says of a job that is to be submitted. ``array``: its ``group``, ``index``, the ``size`` of
    the group and how many may run ``at_once``, for a run of a sweep."""
    return {
        "launcher": "slurm",
        "name": host.name,
        "options": host.options,
        "devices": devices,
        **({"nodes": nodes} if (nodes := host.nodes_of(devices)) > 1 else {}),
        "job": None,
        "token": secrets.token_hex(2),
        **(array or {}),
    }


def part_of(array: dict[str, Any], most: int) -> dict[str, Any] | None:
    """What a run of a sweep is of its array, where Slurm takes at most so many tasks in one: a larger sweep becomes
    several, which share what may run at once. None where Slurm takes no arrays. Raises JobError."""
    size, at_once = int(array["size"]), array.get("at_once")
    if most < 1:
        if at_once is not None:
            raise JobError("this Slurm takes no arrays of jobs (MaxArraySize is 0): leave --at-once out")
        return None
    count = -(-size // most)
    if count == 1:
        return array
    if at_once is not None and at_once < count:
        raise JobError(
            f"{size} runs are {count} arrays in Slurm, of {most} jobs at most (MaxArraySize), and each runs one at"
            f" least: --at-once must be {count} or more"
        )
    part, place = divmod(int(array["index"]), most)
    return {
        "group": f"{array['group']}-{part}",
        "index": place,
        "size": min(most, size - part * most),
        "at_once": None if at_once is None else at_once // count + (part < at_once % count),
    }


def label_of(job: JobDir, on: dict[str, Any]) -> str:
    """The name of the job in Slurm: another at each submission, and the same for all runs of a sweep."""
    return PREFIX + str(on.get("group") or f"{job.id}.{on.get('token')}")


def groups(pending: Members) -> list[list[tuple[JobDir, State]]]:
    """The queued runs without a number, those of one sweep together. A sweep is whole when all its runs are there, or
    when whoever launched it must have died."""
    found: dict[str, list[tuple[JobDir, State]]] = {}
    for job, state in pending:
        on = on_of(state)
        if state.status == "queued" and on.get("job") is None and state.stop_requested_at is None:
            found.setdefault(label_of(job, on), []).append((job, state))
    whole = []
    for members in found.values():
        members.sort(key=lambda pair: (on_of(pair[1]).get("index") or 0, pair[0].id))
        (_, state), size = members[0], on_of(members[0][1]).get("size") or 1
        if len(members) >= size or time.time() - (state.queued_at or 0.0) > DOUBTFUL:
            whole.append(members)
    return whole


def submit(home: Path, members: Members) -> None:
    """Submit runs that wait, unless another process does or has done so. One that Slurm refuses has failed. Raises
    SlurmError if it does not answer, OSError if nothing can be written."""
    first = members[0][0]
    with exclusive(first.path):
        state = read_state(first)
        on = on_of(state) if state is not None else {}
        if state is None or state.status != "queued" or on.get("job") is not None:
            return
        if time.time() - (on.get("submitting") or 0.0) < DOUBTFUL:
            return
        state = with_on(state, submitting=time.time())
        first.write_state(state)
        try:
            number = _sbatch(home, members)
        except SlurmError as error:
            if any(words in str(error).lower() for words in _NO_ANSWER):
                raise
            number, reason = "", f"Slurm refused it: {error}"
        except (JobError, ValueError) as error:
            number, reason = "", str(error)
        else:
            reason = ""
        ended = _submitted(state, number, reason)
        first.write_state(ended)
        note_change(first.path)
    for job, _ in members[1:]:
        update_state(job, lambda now: _submitted(now, number, reason) if now.status == "queued" else None)


def _submitted(state: State, number: str, reason: str) -> State:
    if reason:
        return state.with_(status="failed", reason=reason, ended_at=time.time())
    on = on_of(state)
    job = number if on.get("index") is None else f"{number}_{on['index']}"
    return with_on(state, job=job, submitted_at=time.time())


def _sbatch(home: Path, members: Members) -> str:
    """The number of the job, or of the array. Raises SlurmError."""
    job, state = members[0]
    on = on_of(state)
    for member, _ in members:
        os.close(
            open_plain_file(member.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        )  # closed to other users
    host, devices = slurm_host_of(home, on), int(on.get("devices") or 1)
    places = arguments(host, devices, warns=isinstance(job, RunDir))
    if on.get("index") is None:
        places += [f"--output={_verbatim(job.log_path)}", f"--chdir={job.path}"]
    else:
        indexes = ",".join(str(on_of(its)["index"]) for _, its in members)
        at_once = f"%{on['at_once']}" if on.get("at_once") else ""
        places += [f"--array={indexes}{at_once}", "--output=/dev/null", f"--chdir={home}"]
    printed = ask("sbatch", *places, f"--job-name={label_of(job, on)}", given=script(home, members))
    return printed.strip().partition(";")[0]


def arguments(host: SlurmHost, devices: int, warns: bool = True) -> list[str]:
    """The arguments of sbatch for a host, without the files of a run. ``warns``: whether the process is told before a
    time limit, so that it saves. On several nodes that are the tasks of srun, which would itself kill them."""
    to = "" if host.nodes_of(devices) > 1 else "B:"
    warning = [f"--signal={to}TERM@{host.warning}"] if warns else []
    return [
        "--parsable", "--requeue", "--open-mode=append", *host.tasks(devices), "--export=ALL", *warning,
        *host.arguments(devices),
    ]  # fmt: skip


def script(home: Path, members: Members) -> str:
    """The batch script. The trainer takes the shell's place, so that Slurm's signals reach it."""
    job, state = members[0]
    on = on_of(state)
    host, devices = slurm_host_of(home, on), int(on.get("devices") or 1)
    start = job_type_of(job).start(host.python or sys.executable)
    lines = [
        "#!/bin/bash",
        f"# {len(members)} runs of gentui" if len(members) > 1 else f"# gentui: {job_label(job)}",
    ]
    if on.get("index") is None:
        lines.append(f"run={shlex.quote(str(job.path))}")
    else:
        lines.append('case "$SLURM_ARRAY_TASK_ID" in')
        for member, its in members:
            lines.append(f"  {on_of(its)['index']}) run={shlex.quote(str(member.path))} ;;")
        lines += ["esac", 'cd "$run" && exec >>"$run/log.txt" 2>&1 || exit 53']
    lines += [
        f"export GENTUI_HOME={shlex.quote(str(home))} PYTHONUNBUFFERED=1",
        *_processes(shlex.join(start), _arguments(job, devices), host.setup, host.nodes_of(devices)),
    ]
    return "\n".join(lines) + "\n"


def _processes(start: str, arguments: str, setup: Sequence[str], nodes: int) -> list[str]:
    """The lines that begin the trainer, which begins the other ranks; on several nodes srun begins all of them."""
    if nodes == 1:
        threads = 'export GENTUI_THREADS="${GENTUI_THREADS:-${SLURM_CPUS_ON_NODE:-1}}"'
        return [threads, *setup, f"exec {start} {arguments}"]
    rank, size, local, address, port = OF_RANKS
    begin = f'export {rank}="$SLURM_PROCID" {local}="$SLURM_LOCALID"; exec "$@"'
    return [
        "each=$((${SLURM_CPUS_ON_NODE:-1} / ${SLURM_NTASKS_PER_NODE:-1}))",
        'export GENTUI_THREADS="${GENTUI_THREADS:-$((each > 0 ? each : 1))}"',
        f'export {size}="$SLURM_NTASKS" {address}="$(hostname)" {port}="$((10000 + SLURM_JOB_ID % 20000))"',
        *setup,
        f"exec srun --kill-on-bad-exit=1 bash -c {shlex.quote(begin)} rank {start} {arguments}",
    ]


def _arguments(job: JobDir, devices: int) -> str:
    """The arguments of the job's process, as words of the script in which ``run`` is the job's folder. Raises OSError
    or ValueError if the job's files cannot be read."""
    if isinstance(job, RunDir):
        return '"$run" --on slurm' + (f" --devices {devices}" if devices > 1 else "")
    return shlex.join(job_type_of(job).arguments(job, 1, "auto"))


def _verbatim(path: Path) -> str:
    """A path in which Slurm replaces nothing."""
    return str(path).replace("%", "%%").replace("\\", "\\\\")
