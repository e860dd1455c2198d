"""Whether a machine by SSH would take runs of this home, and in a sentence what is to be mended."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path
from typing import Any

import gentui
from gentui.jobs.launchers.check import Check
from gentui.jobs.launchers.hosts.ssh import SshHost
from gentui.jobs.launchers.ssh.call import SshError, ask, command
from gentui.jobs.launchers.ssh.launcher import fault_of, probe
from gentui.jobs.states import try_lock
from gentui.text.sanitize import clean

MOST_APART = 5.0
"""Seconds that two clocks may differ before times in the lists are misleading."""


def examine(host: SshHost, home: Path) -> list[Check]:
    """Check what can be checked from here, by one question to the machine."""
    by = shlex.join(command(host)[-2:-1])
    try:
        with probe(home) as (name, token):
            lock = try_lock(home / name)
            began = time.time()
            try:
                said = ask(
                    host, {"do": "check", "home": host.home_there(home), "probe": name, "name": host.name}
                )
            finally:
                if lock is not None:
                    os.close(lock)
            ended = time.time()
            why = fault_of(home, host, said, name, token)
    except SshError as error:
        return [Check("reached", False, f"{by}: {error}")]
    except OSError as error:
        return [Check("home", False, f"{error.filename or home} cannot be written to: {error.strerror}")]
    checks = [Check("reached", True, f"{by}, which calls itself {clean(said.get('host'), 60)}")]
    checks.append(Check("home", not why, why or f"{host.home_there(home)} there is {home} here"))
    checks.append(_gentui(host, said))
    checks.append(_clock(said, began, ended))
    return checks if why else [*checks, _devices(said), _locks(said), _sessions(said)]


def _gentui(host: SshHost, said: dict[str, Any]) -> Check:
    """The gentui there, and what it needs to train."""
    version = clean(said.get("version"), 40)
    what = f"{version}, {clean(said.get('python') or host.python or 'the python of here', 200)}"
    if version != gentui.__version__:
        return Check("gentui", False, f"{what}: {gentui.__version__} is here; install the same version on both")
    if "engine" in said and not (said["engine"] and said.get("torch")):
        lacks = "torch" if said["engine"] else "its trainer"
        return Check("gentui", False, f"{what}: {lacks} is missing there; install gentui with all it needs")
    return Check("gentui", True, what + (f", torch {clean(said['torch'], 40)}" if said.get("torch") else ""))


def _clock(said: dict[str, Any], began: float, ended: float) -> Check:
    """How the clock there differs from that of here, on which the question began and ended at these moments."""
    there = said.get("t")
    if not isinstance(there, int | float):
        return Check("clock", False, "it did not say what time it is there")
    ahead = there - min(max(there, began), ended)
    what = f"at least {abs(ahead):.1f} s {'ahead' if ahead > 0 else 'behind'}"
    if not ahead:
        what = f"as here, as far as {ended - began:.1f} s tell"
    if abs(ahead) <= MOST_APART:
        return Check("clock", True, what)
    return Check(
        "clock", False, f"{what}: set both by one server (NTP), or runs seem stalled and times are wrong"
    )


def _devices(said: dict[str, Any]) -> Check:
    devices = said.get("devices")
    names = [clean(name, 20) for name in devices] if isinstance(devices, list) else []
    return Check("devices", bool(names), ", ".join(names[:64]) or "none was named")


def _locks(said: dict[str, Any]) -> Check:
    """Whether locks of this kernel are known there. They need not be, but then lock files must keep order."""
    known = "are" if said.get("is_locked") else "are not"
    return Check(
        "locks",
        True,
        f"those of one machine {known} known to the other, where the home is on {clean(said.get('kind'), 40)}",
    )


def _sessions(said: dict[str, Any]) -> Check:
    if said.get("ends_sessions") is True:
        return Check("sessions", False, "systemd there ends what a closed session has left, runs too:"
            " KillUserProcesses=no in /etc/systemd/logind.conf")  # fmt: skip
    return Check("sessions", True, "runs go on when the connection is closed")
