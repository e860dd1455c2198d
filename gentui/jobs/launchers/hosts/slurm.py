"""What is asked of Slurm: options of sbatch from the command line or from a host of ``hosts.toml``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gentui.jobs.launchers.hosts.setup import setup_of
from gentui.jobs.states import JobError

OPTIONS = (
    "partition", "time", "gres", "gpus", "cpus-per-task", "mem", "mem-per-cpu", "mem-per-gpu", "account", "qos",
    "constraint", "nodelist", "exclude", "reservation", "licenses", "nice", "nodes",
)  # fmt: skip
"""Options of sbatch that say where a job runs and what it gets; all others are gentui's."""
_OTHERS = {"cpus": "cpus-per-task", "gpu": "gpus", "memory": "mem", "cpus_per_task": "cpus-per-task"}
_SHORT_TIME = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?:in)?)?")
_SLURM_TIME = re.compile(r"\d+|\d+(:\d\d){1,2}|\d+-\d+(:\d\d){0,2}")
DEVICES = "{devices}"
WARNING = 120
"""Seconds before the time limit, or a preemption, at which the trainer is told, so that it saves."""


@dataclass(frozen=True)
class SlurmHost:
    """A place in Slurm. ``options`` by sbatch's long names; ``setup``: lines of shell before the trainer; ``python``:
    the interpreter there, "" for that of gentui."""

    name: str
    options: dict[str, str] = field(default_factory=dict)
    setup: tuple[str, ...] = ()
    python: str = ""

    def arguments(self, devices: int) -> list[str]:
        """The options as sbatch's arguments, for a run on so many devices."""
        nodes = self.nodes_of(devices)
        return [
            f"--{name}={value.replace(DEVICES, str(devices // nodes))}"
            for name, value in self.options.items()
            if name != "nodes" or nodes > 1
        ]

    def tasks(self, devices: int) -> list[str]:
        """How many processes Slurm begins: on one node the trainer, which begins the other ranks; on several all."""
        nodes = self.nodes_of(devices)
        return (
            ["--ntasks=1"] if nodes == 1 else [f"--ntasks={devices}", f"--ntasks-per-node={devices // nodes}"]
        )

    def nodes_of(self, devices: int) -> int:
        """The number of nodes that a run on so many devices has: one if that is all of the devices.

        Raises JobError if they cannot be shared out among the nodes evenly.
        """
        nodes = int(self.options.get("nodes", 1))
        if devices > 1 and devices % nodes:
            raise JobError(
                f"{devices} devices cannot be shared evenly by the {nodes} nodes of {self.name}:"
                f" --devices {nodes}, {2 * nodes} or another multiple of {nodes}"
            )
        return nodes if devices > 1 else 1

    @property
    def warning(self) -> int:
        """Seconds before its end at which the trainer is told: of a short time limit no more than a quarter."""
        limit = seconds_of(self.options.get("time", ""))
        return WARNING if limit is None else max(1, min(WARNING, limit // 4))


def parse_inline(text: str) -> SlurmHost:
    """``partition=gpu,gres=gpu:2,time=8h``, as it follows ``slurm:``. Raises JobError."""
    options: dict[str, Any] = {}
    last = ""
    for part in filter(None, text.split(",")):
        name, is_option, value = part.partition("=")
        if is_option:
            last = name.strip()
            options[last] = value.strip()
        elif last:
            options[last] += f",{part}"  # a list of nodes, say
        else:
            raise JobError(f"--on slurm:{text} needs options such as partition=gpu,gres=gpu:1,time=8h")
    return SlurmHost("slurm", checked(options, "--on slurm"))


def from_table(name: str, table: Mapping[str, Any]) -> SlurmHost:
    """A host of ``hosts.toml``. Raises JobError."""
    own = {"launcher", "setup", "python"}
    options = checked({key: value for key, value in table.items() if key not in own}, f"[{name}] of hosts.toml")
    python = table.get("python", "")
    if not isinstance(python, str):
        raise JobError(f"python in [{name}] of hosts.toml should be the path of an interpreter")
    return SlurmHost(name, options, setup_of(table, f"[{name}] of hosts.toml"), python)


def checked(options: Mapping[str, Any], where: str) -> dict[str, str]:
    """The options under sbatch's names, as text. Raises JobError for one that is unknown or cannot be a value."""
    found: dict[str, str] = {}
    for given, value in options.items():
        name = _OTHERS.get(given, given)
        if name not in OPTIONS:
            close = difflib.get_close_matches(name, OPTIONS, n=1)
            remedy = f"did you mean {close[0]}?" if close else f"it can be {', '.join(OPTIONS)}"
            raise JobError(f"{where} has no option {given!r}: {remedy}")
        text = str(value)
        if (
            not isinstance(value, str | int)
            or isinstance(value, bool)
            or not text.strip()
            or not text.isprintable()
        ):
            raise JobError(f"{where}: {given} should be a text or a number, as sbatch takes it")
        if name == "nodes" and not (text.isascii() and text.isdigit() and int(text)):
            raise JobError(f"{where}: nodes should be a whole number, not {text!r}")
        found[name] = _time(text, where) if name == "time" else text
    return found


def _time(text: str, where: str) -> str:
    """A time limit as Slurm takes it: ``8h``, ``1d12h`` and ``90m`` are possible besides its own forms."""
    if _SLURM_TIME.fullmatch(text):
        return text
    short = _SHORT_TIME.fullmatch(text)
    if short is None or not text:
        raise JobError(f"{where}: time should be 8h, 90m, 1d12h or as Slurm writes it (8:00:00), not {text!r}")
    days, hours, minutes = (int(number or 0) for number in short.groups())
    whole = days * 1440 + hours * 60 + minutes
    return f"{whole // 60}:{whole % 60:02d}:00"


def seconds_of(limit: str) -> int | None:
    """Seconds of a time limit as Slurm writes it: ``90`` minutes, ``8:00:00``, ``1-12``; None if it has none."""
    if not _SLURM_TIME.fullmatch(limit):
        return None
    days, has_days, rest = limit.partition("-") if "-" in limit else ("0", "", limit)
    parts = [int(part) for part in rest.split(":")]
    if has_days:  # days-hours[:minutes[:seconds]]
        hours, minutes, seconds = [*parts, 0, 0][:3]
    elif len(parts) == 3:
        hours, minutes, seconds = parts
    else:  # minutes[:seconds]
        hours, (minutes, seconds) = 0, [*parts, 0][:2]
    return int(days) * 86_400 + hours * 3600 + minutes * 60 + seconds
