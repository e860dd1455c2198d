"""The places that ``--on`` names: this machine, Slurm with options, and the hosts of ``$GENTUI_HOME/hosts.toml``."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from engine.runs.files import read_plain_file
from gentui.jobs.launchers.slurm.request import SlurmHost, from_table, parse_inline
from gentui.jobs.states import JobError
from gentui.text.sanitize import clean

FILE = "hosts.toml"
LOCAL = "local"
_NAME = re.compile(r"[A-Za-z][\w.-]{0,39}")
_TAKEN = frozenset({LOCAL, "slurm", "cpu", "cuda", "auto"})


def find_host(home: Path, on: str) -> SlurmHost | None:
    """The place that ``--on`` names; None for this machine. Raises JobError."""
    if on == LOCAL:
        return None
    kind, has_options, options = on.partition(":")
    if kind == "slurm":
        return parse_inline(options) if has_options else SlurmHost("slurm")
    known = hosts(home)
    if on not in known:
        listed = f"{FILE} has {', '.join(known)}" if known else f"{home / FILE} names none"
        raise JobError(
            f"there is no host {clean(on, 60)!r}: {listed}; slurm:partition=NAME,time=8h needs no file"
        )
    return known[on]


def hosts(home: Path) -> dict[str, SlurmHost]:
    """The hosts of ``hosts.toml`` by name; none without the file. Raises JobError for what cannot be understood."""
    path = home / FILE
    try:
        tables = tomllib.loads(read_plain_file(path, follow_links=True).decode())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise JobError(f"{path} cannot be read: {clean(error, 300)}") from None
    return {name: _host(path, name, table) for name, table in tables.items()}


def _host(path: Path, name: str, table: Any) -> SlurmHost:
    if not _NAME.fullmatch(name) or name in _TAKEN:
        raise JobError(f"{path}: {clean(name, 60)!r} cannot be a host's name")
    launcher = table.get("launcher", "slurm") if isinstance(table, dict) else None
    if launcher != "slurm":
        raise JobError(f'{path}: [{name}] should be a table with launcher = "slurm"')
    return from_table(name, table)
