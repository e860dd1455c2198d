"""Questions to a machine that nobody waits for, and what the last ones told.

`ssh` runs on without whoever started it, and writes into a log beside this machine's locks,
``slots/<host>/ssh-NAME.log``. So every process here knows whether the machine answers, and asks again only when it is
due. A lock is held as long as a question is under way.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.runs.directory import is_locked
from engine.runs.files import open_plain_file, read_head, write_atomically
from gentui.jobs.launchers.hosts.ssh import SshHost
from gentui.jobs.launchers.local.locks import make_slots_folder, slots_folder
from gentui.jobs.launchers.ssh.call import MARK, TIMEOUT, answer_in, command, complaint
from gentui.jobs.states import try_lock

_BEGIN = re.compile(r"^== asked at (\d{1,12}\.\d+) ==$", re.MULTILINE)
_asking: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Standing:
    """What is known of a machine: when it was last asked (unix time, 0: never), whether that is under way, what it
    said in ``answer`` to the question of ``heard_at``, and if it said nothing, since when (``silent_since``) and
    ``why``."""

    asked_at: float = 0.0
    is_asked: bool = False
    answer: dict[str, Any] | None = None
    heard_at: float = 0.0
    silent_since: float | None = None
    why: str = ""


def standing(home: Path, host: SshHost) -> Standing:
    """What the last questions to a machine told."""
    log = _log(slots_folder(home), host)
    under_way = is_locked(log.with_suffix(".lock"))
    try:
        parts = _parts(read_head(log))
    except OSError:
        return Standing()
    ended = parts[:-1] if under_way else parts
    asked_at = parts[-1][0] if parts else 0.0
    if not ended:
        return Standing(asked_at, under_way)
    if (answer := answer_in(ended[-1][1])) is not None:
        return Standing(asked_at, under_way, answer, ended[-1][0])
    since = next(at for at, printed in ended if answer_in(printed) is None)
    return Standing(asked_at, under_way, silent_since=since, why=complaint(host, ended[-1][1]))


def ask_later(home: Path, host: SshHost, question: dict[str, Any]) -> bool:
    """Ask a machine without waiting for it, unless it is being asked. Returns whether it is. Raises OSError."""
    folder = make_slots_folder(home)
    log = _log(folder, host)
    lock = try_lock(log.with_suffix(".lock"), patience=0.2)
    if lock is None:
        return False
    try:
        out = open_plain_file(log, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            _shorten(log, out)
            os.write(out, f"\n== asked at {time.time():.3f} ==\n".encode())
            with tempfile.TemporaryFile(dir=folder) as asked:
                asked.write(json.dumps(question).encode())
                asked.seek(0)
                # ssh closes what it inherits; the program around it holds the lock, and ends it in the end.
                process = subprocess.Popen(
                    ["timeout", "-k", "5", str(TIMEOUT), *command(host)], stdin=asked, stdout=out, stderr=out,
                    cwd="/", start_new_session=True, pass_fds=(lock,),
                )  # fmt: skip
        finally:
            os.close(out)
    finally:
        os.close(lock)
    _asking[:] = [each for each in _asking if each.poll() is None]  # reaps those that have ended
    _asking.append(process)
    return True


def heard(home: Path, host: SshHost, asked_at: float, answer: dict[str, Any]) -> None:
    """Note what a machine has answered to somebody who waited, unless it is being asked. Raises OSError."""
    log = _log(make_slots_folder(home), host)
    lock = try_lock(log.with_suffix(".lock"))
    if lock is None:
        return
    try:
        write_atomically(log, f"\n== asked at {asked_at:.3f} ==\n{MARK}{json.dumps(answer)}\n".encode())
    finally:
        os.close(lock)


def _shorten(log: Path, out: int) -> None:
    """Keep of the log the last question, and the first of those that were not answered since."""
    parts = _parts(read_head(log))
    silent = [part for part in parts if answer_in(part[1]) is None]
    kept = [silent[0], parts[-1]] if len(silent) > 1 and silent[-1] is parts[-1] else parts[-1:]
    text = "".join(f"\n== asked at {at:.3f} ==\n{printed[-4000:].strip()}\n" for at, printed in kept)
    os.ftruncate(out, 0)
    os.write(out, text.encode())


def _parts(text: str) -> list[tuple[float, str]]:
    """When each question was asked, and what was printed."""
    pieces = _BEGIN.split(text)[1:]
    found = []
    for at, printed in zip(pieces[::2], pieces[1::2], strict=True):
        with suppress(ValueError):
            found.append((float(at), printed))
    return found


def _log(folder: Path, host: SshHost) -> Path:
    return folder / f"ssh-{host.name}.log"
