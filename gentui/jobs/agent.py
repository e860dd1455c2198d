"""Gentui on a machine that others ask by SSH: one question on stdin as JSON, one answer on stdout, and it ends.

Started as ``python -P -m gentui.jobs.agent`` by ``gentui.jobs.launchers.ssh``. It judges the jobs of this machine by
its kernel and starts workers for them, which run on without the connection.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import gentui
from engine.runs.directory import JobDir, State, boot_id, is_locked
from engine.runs.files import read_head, write_atomically
from engine.runs.filesystems import is_shared, kind_of
from gentui.jobs import exit_reason
from gentui.jobs.launchers import LOCAL
from gentui.jobs.launchers.local.here import ON, is_here, sent_to
from gentui.jobs.launchers.local.launcher import HOST
from gentui.jobs.launchers.local.locks import host_name
from gentui.jobs.launchers.local.slots import device_names
from gentui.jobs.launchers.ssh.admission import admission
from gentui.jobs.launchers.ssh.call import MARK
from gentui.jobs.reconciling import reconcile
from gentui.jobs.states import JobError, get_job, unfinished, update_state
from gentui.jobs.stopping import stop

_LONGEST = 1 << 20


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """The answer to a question. Whatever it is, it says who answers, and whether that machine sees the same home."""
    home = Path(str(question.get("home")))
    found = {
        "host": host_name(), "boot": boot_id(), "version": gentui.__version__, "t": time.time(), "uid": os.getuid(),
    } | _home(home, str(question.get("probe") or ""))  # fmt: skip
    does: dict[str, Callable[[Path, dict[str, Any]], dict[str, Any]]] = {
        "admit": _admit,
        "tend": _tend,
        "check": _check,
    }
    do = does.get(str(question.get("do")))
    if do is None:
        return {
            **found,
            "fault": "the gentui there does not know what it is asked: install the same version as here",
        }
    return found if "fault" in found else {**found, **do(home, question)}


def _home(home: Path, probe: str) -> dict[str, Any]:
    """Whether the home is there, can be written to, and is that of whoever asks: what ``probe`` holds, a file that the
    asker has written, whose answer lies beside it then."""
    if not home.is_dir():
        return {"fault": f"there is no folder {home} there"}
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        return {"fault": f"{home} cannot be written to there"}
    if not probe:
        return {}
    file = home / probe
    if file.parent != home or not probe.startswith(".probe-"):
        return {"fault": "the question names no file of the home"}
    try:
        token = read_head(file, 100)
        write_atomically(file.with_suffix(".there"), token[::-1].encode())
    except FileNotFoundError:
        return {"probe": ""}
    except OSError as error:
        return {"fault": f"{error.filename or file}: {error.strerror} there"}
    return {"probe": token, "is_locked": is_locked(file)}


def _admit(home: Path, question: dict[str, Any]) -> dict[str, Any]:
    return admission(question.get("device"), question.get("devices"), question.get("asked"))


def _tend(home: Path, question: dict[str, Any]) -> dict[str, Any]:
    """Record how this machine's jobs stand, stop those that should, and have workers for those that wait.
    ``name``: what the askers call this machine, which takes over what was queued for another of that name."""
    pending = unfinished(home)
    for job, state in pending:
        sent = sent_to(state.extra)
        if (
            sent.get("name") == question.get("name")
            and sent.get("host") != host_name()
            and state.status == "queued"
        ):
            with suppress(OSError, ValueError):
                update_state(job, lambda held, seen=state: _taken_over(held) if held == seen else None)
    left = reconcile(home, jobs=[(job, state) for job, state in unfinished(home) if _is_ours(state)])
    for job, state in left:
        if state.stop_requested_at is not None and "terminated_at" not in state.extra:
            with suppress(JobError):
                stop(home, job.id, exit_reason.grace_of(state))
    LOCAL.tend(home, [(job, state) for job, state in left if not state.ended])
    return {"missing": [job for job in question.get("jobs", []) if not _is_seen(home, str(job))]}


def _is_ours(state: State) -> bool:
    """Whether a job was sent to this machine, or was taken here from the queue that machines have in common."""
    return is_here(state) and (ON in state.extra or state.extra.get(HOST) == host_name())


def _taken_over(state: State) -> State:
    return state.with_(extra={**state.extra, ON: {**state.extra[ON], "host": host_name()}})


def _is_seen(home: Path, job_id: str) -> bool:
    try:
        return isinstance(get_job(home, job_id), JobDir)
    except JobError:
        return False


def _check(home: Path, question: dict[str, Any]) -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, version
    from importlib.util import find_spec

    try:
        torch = version("torch")
    except PackageNotFoundError:
        torch = ""
    return {
        "python": sys.executable,
        "engine": find_spec("engine") is not None,
        "torch": torch,
        "devices": list(device_names()),
        "kind": kind_of(home) or "unknown",
        "is_shared": is_shared(home),
        "ends_sessions": _ends_sessions(),
    }


def _ends_sessions() -> bool:
    """Whether systemd ends what a user has started when the session closes, workers too."""
    import subprocess

    asked = (
        "org.freedesktop.login1",
        "/org/freedesktop/login1",
        "org.freedesktop.login1.Manager",
        "KillUserProcesses",
    )
    try:
        said = subprocess.run(
            ["busctl", "get-property", *asked], capture_output=True, text=True, timeout=5, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return said.stdout.strip() == "b true" and os.getuid() != 0


def main() -> None:
    os.umask(0o077)
    signal.signal(
        signal.SIGHUP, signal.SIG_IGN
    )  # what was begun is finished, whether anybody waits for it or not
    try:
        question = json.loads(sys.stdin.read(_LONGEST))
        said = answer(question if isinstance(question, dict) else {})
    except (OSError, ValueError) as error:
        said = {"fault": f"{type(error).__name__}: {error}"[:300]}
    with suppress(OSError):
        print(f"\n{MARK}{json.dumps(said)}", flush=True)


if __name__ == "__main__":
    main()
