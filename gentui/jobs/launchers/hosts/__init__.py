"""The places that ``--on`` names: this machine, Slurm with options, and the hosts of ``$GENTUI_HOME/hosts.toml``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from engine.runs.files import distrust, read_plain_file
from gentui.jobs.launchers.hosts.slurm import SlurmHost, checked, parse_inline
from gentui.jobs.launchers.hosts.slurm import from_table as slurm_host
from gentui.jobs.launchers.hosts.ssh import SshHost
from gentui.jobs.launchers.hosts.ssh import from_table as ssh_host
from gentui.jobs.states import JobError
from gentui.text.sanitize import clean

Host = SlurmHost | SshHost

FILE = "hosts.toml"
LOCAL, SLURM, SSH = "local", "slurm", "ssh"
_NAME = re.compile(r"[A-Za-z][\w.-]{0,39}")
_TAKEN = frozenset({LOCAL, SLURM, "cpu", "cuda", "auto"})


def find_host(home: Path, on: str) -> Host | None:
    """The place that ``--on`` names; None for this machine. Raises JobError."""
    if on == LOCAL:
        return None
    kind, has_options, options = on.partition(":")
    if kind == SLURM:
        return parse_inline(options) if has_options else SlurmHost(SLURM)
    known = hosts(home)
    if on not in known:
        listed = f"{FILE} has {', '.join(known)}" if known else f"{home / FILE} names none"
        raise JobError(
            f"there is no host {clean(on, 60)!r}: {listed}; slurm:partition=NAME,time=8h needs no file"
        )
    return known[on]


def slurm_host_of(home: Path, on: dict[str, Any]) -> SlurmHost:
    """The host in Slurm that a job's state names. What is run there before the trainer, and by which python, says the
    file of hosts alone: a run may come from somebody else. Raises JobError."""
    name = str(on.get("name") or SLURM)
    if name == SLURM:
        return SlurmHost(SLURM, checked(on.get("options") or {}, "the run's state.json"))
    host = find_host(home, name) or SlurmHost(name)
    if not isinstance(host, SlurmHost):
        raise JobError(f"{clean(name, 40)} is no longer a host in Slurm: `gentui resume RUN --on HOST`")
    return host


def ssh_host_of(home: Path, name: str) -> SshHost:
    """The machine that a job's state names. Raises JobError."""
    host = find_host(home, name)
    if not isinstance(host, SshHost):
        raise JobError(f"{clean(name, 40)} is no longer a machine by SSH: `gentui resume RUN --on HOST`")
    return host


def hosts(home: Path) -> dict[str, Host]:
    """The hosts of ``hosts.toml`` by name; none without the file. Raises JobError for what cannot be understood."""
    import tomli

    path = home / FILE
    if why := distrust(path):  # it names what is run, as plug-ins do
        raise JobError(f"{path} is not read: {why}")
    try:
        tables = tomli.loads(read_plain_file(path, follow_links=True).decode())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise JobError(f"{path} cannot be read: {clean(error, 300)}") from None
    return {name: _host(path, name, table) for name, table in tables.items()}


def _host(path: Path, name: str, table: Any) -> Host:
    if not _NAME.fullmatch(name) or name in _TAKEN:
        raise JobError(f"{path}: {clean(name, 60)!r} cannot be a host's name")
    launcher = table.get("launcher", SLURM) if isinstance(table, dict) else None
    if launcher == SLURM:
        return slurm_host(name, table)
    if launcher == SSH:
        return ssh_host(name, table)
    raise JobError(f'{path}: [{name}] should be a table with launcher = "slurm" or "ssh"')
