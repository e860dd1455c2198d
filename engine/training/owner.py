"""The fence between two trainers of one run: whoever began last owns it, and the other leaves without writing.

The run's lock should keep a second trainer away. It cannot where a file system loses locks, or where a batch system has
given up a node on which the first one lives on. So each trainer writes a token when it begins and reads it again, every
few seconds and before a checkpoint becomes the newest. Torch-free.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from pathlib import Path

from engine.runs.directory import RunDir
from engine.runs.files import FULL, read_object, write_small
from engine.training.stop_signal import RunDirectoryGone

FILE = "owner.json"
_tokens: dict[Path, str] = {}


class TakenOver(RunDirectoryGone):
    """Another trainer has begun to train the run: nothing more may be written to it."""


def take(run: RunDir, attempt: int) -> None:
    """Make this process the owner of the run. On a full disk it goes without the fence. Raises OSError."""
    token = secrets.token_hex(16)
    owner = {
        "token": token,
        "attempt": attempt,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "t": time.time(),
    }
    try:
        write_small(run.path / FILE, json.dumps(owner).encode())
    except OSError as error:
        if error.errno in FULL:
            return
        raise
    _tokens[run.path] = token


def require(run: RunDir) -> None:
    """Raise TakenOver if another process has become the owner of the run since this one did.

    What cannot be read says nothing: a server may not answer, and a run that nobody owns may be trained.
    """
    token = _tokens.get(run.path)
    if token is None:
        return
    try:
        owner = read_object(run.path / FILE)
    except (OSError, ValueError):
        return
    if owner.get("token") not in (None, token):
        host, pid = str(owner.get("host"))[:60], owner.get("pid")
        raise TakenOver(f"another trainer, process {pid} on {host}, has taken the run over: this one leaves")
