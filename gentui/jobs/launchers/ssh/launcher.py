"""The launcher of machines by SSH: asks them to take jobs, and tells what is known of them.

The jobs' states are written there, into the home that both have. From here nothing is concluded: neither from locks or
pids, which are another kernel's, nor from silence.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from engine.runs.directory import JobDir, State, boot_id
from engine.runs.files import write_atomically
from engine.runs.filesystems import is_shared, mark_shared
from gentui.jobs import exit_reason
from gentui.jobs.launchers.hosts import SSH, ssh_host_of
from gentui.jobs.launchers.hosts.ssh import SshHost
from gentui.jobs.launchers.local.here import ON, sent_to
from gentui.jobs.launchers.local.launcher import QUIET_AFTER
from gentui.jobs.launchers.local.locks import host_name
from gentui.jobs.launchers.local.slots import ALLOWED, DEVICES, needed
from gentui.jobs.launchers.protocol import Jobs, Look, Request
from gentui.jobs.launchers.ssh.admission import admission
from gentui.jobs.launchers.ssh.call import SshError, ask
from gentui.jobs.launchers.ssh.standing import Standing, ask_later, heard, standing
from gentui.jobs.signs_of_life import last_sign_of_life
from gentui.jobs.states import JobError, queued
from gentui.text.sanitize import clean

SOON, SELDOM = 15.0, 60.0
"""Seconds after which a machine is asked again: while it has not heard of a job or of a stop, and otherwise."""
_MOST = 500


class SshLauncher:
    """Jobs that were sent to a machine by SSH. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._admitted: tuple[Any, dict[str, Any]] | None = None
        """The last admission of a run of a sweep, whose other runs are not asked for one by one."""

    def admit(self, request: Request) -> State:
        before = sent_to(request.before.extra) if request.before else {}
        host = request.host
        if host is None:
            host = ssh_host_of(request.home, before.get("name", ""))
        if not isinstance(host, SshHost):
            raise JobError("it is not said on which machine it should run")
        if request.array and request.array.get("at_once"):
            raise JobError(f"--at-once is for Slurm: {host.name} runs one for each of its devices")
        is_same = request.before is not None and before.get("name") == host.name and request.device is None
        asked = request.before.extra.get("asked") if request.before and is_same else None
        count = request.devices or (needed(request.before) if request.before and is_same else 1)
        question = {"device": request.device, "devices": count, "asked": asked}
        if is_same and before.get("host") == host_name():
            said = admission(request.device, count, asked)
        else:
            said = self._admission(request, host, question)
        if refusal := said.get("refusal"):
            raise JobError(f"{host.name} cannot take the run: {clean(refusal, 300)}")
        extra: dict[str, Any] = {DEVICES: count} if count > 1 else {}
        if isinstance(only := said.get(ALLOWED), list):
            extra[ALLOWED] = list(map(str, only))
        on = {"launcher": SSH, "name": host.name, "host": clean(said.get("host"), 80)}
        slot = said.get("slot")
        return queued(clean(slot, 80) if isinstance(slot, str) else None, request.attempt, {**extra, ON: on})

    def _admission(self, request: Request, host: SshHost, question: dict[str, Any]) -> dict[str, Any]:
        group = (host, request.home, *question.values(), request.array["group"]) if request.array else None
        with self._lock:
            if group is not None and self._admitted is not None and self._admitted[0] == group:
                return self._admitted[1]
        said = introduced(request.home, host, {"do": "admit", **question})
        with self._lock:
            self._admitted = (group, said)
        return said

    def tend(self, home: Path, pending: Jobs) -> None:
        named: dict[str, list[tuple[JobDir, State]]] = {}
        for job, state in pending:
            named.setdefault(sent_to(state.extra).get("name", ""), []).append((job, state))
        for name, jobs in named.items():
            with suppress(JobError, OSError):  # told at each look
                host = ssh_host_of(home, name)
                if _is_due(standing(home, host), jobs):
                    ids = [job.id for job, _ in jobs][:_MOST]
                    ask_later(
                        home, host, {"do": "tend", "home": host.home_there(home), "name": name, "jobs": ids}
                    )

    def look(self, jobs: Jobs) -> dict[str, Look]:
        known: dict[tuple[Path, str], Standing | str] = {}
        looks = {}
        for job, state in jobs:
            home, name = place = (job.path.parent.parent, sent_to(state.extra).get("name", ""))
            if place not in known:
                try:
                    known[place] = standing(home, ssh_host_of(home, name))
                except JobError as error:
                    known[place] = str(error)
            looks[job.id] = _look(job, state, name, known[place])
        return looks

    def stop(self, job: JobDir, state: State) -> bool:
        return (
            state.status == "queued"
        )  # a running one's worker reads that it should stop, and tells the trainer

    def wake(self, home: Path, state: State) -> bool:
        return False

    def kill(self, home: Path, job: JobDir, state: State) -> bool:
        return False


def _look(job: JobDir, state: State, name: str, known: Standing | str) -> Look:
    trouble = known if isinstance(known, str) else _trouble(job, name, known)
    if state.status != "running":
        is_heard_of = isinstance(known, Standing) and known.heard_at >= (state.queued_at or 0.0)
        waits = f"{name}: it waits for its turn" if is_heard_of else f"on its way to {name}"
        return Look(None, state, standing=trouble or waits)
    if _is_given_up(job, state):
        return Look(False, exit_reason.ended_unwatched(job, state))
    asked = "" if state.stop_requested_at is None else "stopping"
    return Look(None, state, standing="; ".join(filter(None, [asked, trouble])))


def _is_given_up(job: JobDir, state: State) -> bool:
    """Whether a job was asked to stop and has not been heard of for long since.

    If it lives after all, it leaves as soon as another trainer has taken its run.
    """
    if state.stop_requested_at is None:
        return False
    newest = max(state.stop_requested_at, last_sign_of_life(job, state, afresh=True))
    return time.time() > newest + max(QUIET_AFTER, exit_reason.grace_of(state))


def _trouble(job: JobDir, name: str, now: Standing) -> str:
    """What is wrong with a machine, as far as is known here, or with this job there; "" if nothing is."""
    if now.silent_since is not None:
        at = time.strftime("%H:%M", time.localtime(now.silent_since))
        return f"{name} cannot be reached since {at}: {now.why}"
    answer = now.answer or {}
    if fault := answer.get("fault"):
        return f"{name} cannot take it: {clean(fault, 200)}"
    if isinstance(missing := answer.get("missing"), list) and job.id in missing:
        return f"{name} does not see it in its home: `gentui hosts check {name}` says more"
    return ""


def _is_due(now: Standing, jobs: Jobs) -> bool:
    """Whether a machine should be asked to look after these jobs."""
    if now.is_asked:
        return False
    news, moment = [_news(state) for _, state in jobs], time.time()
    if now.asked_at < max(news) <= moment:  # something that it has not been asked to look at
        return True
    return moment > now.asked_at + (SOON if now.answer is None and any(news) else SELDOM)


def _news(state: State) -> float:
    """When something happened of which the machine should hear; 0 if it has acted upon it."""
    if state.status == "queued":
        return state.queued_at or 0.0
    return 0.0 if "terminated_at" in state.extra else state.stop_requested_at or 0.0


def introduced(home: Path, host: SshHost, question: dict[str, Any]) -> dict[str, Any]:
    """The answer of a machine that has the same home and another name than this one. Raises JobError."""
    try:
        with probe(home) as (name, token):
            began = time.time()
            said = ask(host, {"home": host.home_there(home), "probe": name, "name": host.name, **question})
            why = fault_of(home, host, said, name, token)
            heard(home, host, began, {"fault": why} if why else said)
            if not why and said.get("boot") != boot_id() and not is_shared(home):
                mark_shared(home)  # its file system does not tell, here or there
    except SshError as error:
        raise JobError(f"{host.name} cannot be reached: {error}") from None
    except OSError as error:
        raise JobError(f"{error.filename or home} cannot be written to: {error.strerror}") from None
    if why:
        raise JobError(f"{host.name} cannot take runs of this home: {why}")
    return said


@contextmanager
def probe(home: Path) -> Iterator[tuple[str, str]]:
    """(name, content) of a file in the home that is there for a moment. Raises OSError."""
    token = secrets.token_hex(16)
    file = home / f".probe-{secrets.token_hex(4)}"
    try:
        write_atomically(file, token.encode())
        yield file.name, token
    finally:
        for each in (file, file.with_suffix(".there")):
            with suppress(OSError):
                each.unlink()


def fault_of(home: Path, host: SshHost, said: dict[str, Any], name: str, token: str) -> str:
    """Why a machine that gave this answer cannot take runs of this home, and what can be done; "" if it can."""
    there = host.home_there(home)
    remedy = f'home = "…" in [{host.name}] of hosts.toml names its path there'
    if fault := said.get("fault"):
        return f"{clean(fault, 300)}" + (f"; {remedy}" if "no folder" in str(fault) else "")
    if said.get("host") == host_name() and said.get("boot") != boot_id():
        return f"both machines call themselves {host_name()}: give one of them another name, for locks go by it"
    if said.get("probe") != token:
        return f"{there} there is not {home} here: a file written here is not seen there; {remedy}"
    theirs = (home / name).with_suffix(".there")
    try:
        owner = theirs.stat().st_uid
        back = theirs.read_text() if owner == os.getuid() else ""
    except OSError:
        return f"what is written to {there} there is not seen here"
    if owner != os.getuid():
        me = os.getuid()
        return f"what is written there belongs to user {owner} here, and you are {me}: name the same user in address"
    return "" if back == token[::-1] else f"what is written to {there} there is not what is read here"
