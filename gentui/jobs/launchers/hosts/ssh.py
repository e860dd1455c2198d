"""A machine that is reached by SSH, as a host of ``hosts.toml`` describes it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gentui.jobs.launchers.hosts.setup import setup_of
from gentui.jobs.states import JobError

_ADDRESS = re.compile(r"(ssh://)?[A-Za-z0-9_\[][A-Za-z0-9_.@:%\[\]+~/-]*")
_PYTHON = re.compile(r"[A-Za-z0-9_./+@:, -]+")
"""What every login shell takes literally in single quotes, csh and fish too."""
_KEYS = ("launcher", "address", "port", "config", "home", "python", "setup")


@dataclass(frozen=True)
class SshHost:
    """``address`` as `ssh` takes it, ``port`` None for what its configuration says, ``config`` a configuration of its
    own. There: ``home``, "" for the same path as here; ``python``, "" for that of gentui here; ``setup``: lines of
    bash before it."""

    name: str
    address: str
    port: int | None = None
    config: str = ""
    home: str = ""
    python: str = ""
    setup: tuple[str, ...] = ()

    def home_there(self, home: Path) -> str:
        """The path of the home on that machine."""
        return self.home or str(home)


def from_table(name: str, table: Mapping[str, Any]) -> SshHost:
    """A host of ``hosts.toml``. Raises JobError."""
    where = f"[{name}] of hosts.toml"
    for key in table:
        if key not in _KEYS:
            close = difflib.get_close_matches(key, _KEYS, n=1)
            remedy = f"did you mean {close[0]}?" if close else f"it can be {', '.join(_KEYS[1:])}"
            raise JobError(f"{where} has no option {key!r}: {remedy}")
    texts = {key: _text(table, key, where) for key in ("address", "config", "home", "python")}
    address = texts["address"] or name
    if not _ADDRESS.fullmatch(address):
        raise JobError(
            f"address in {where} should be a machine as `ssh` takes it: me@box2, or a name of ~/.ssh/config"
        )
    if (python := texts["python"]) and (not _PYTHON.fullmatch(python) or python.startswith("-")):
        raise JobError(f"python in {where} should be a path of letters, digits and . _ - + @ : , only")
    if texts["home"] and not texts["home"].startswith("/"):
        raise JobError(f"home in {where} should be a whole path, which begins with /")
    port = table.get("port")
    if port is not None and (type(port) is not int or not 0 < port < 65536):
        raise JobError(f"port in {where} should be a number from 1 to 65535")
    return SshHost(
        name, address, port, str(Path(texts["config"]).expanduser()) if texts["config"] else "", texts["home"], python,
        setup_of(table, where),
    )  # fmt: skip


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    text = table.get(key, "")
    if not isinstance(text, str) or not text.isprintable():
        raise JobError(f"{key} in {where} should be a text in one line")
    return text.strip()
