"""Processes of ``python -m engine …`` and ``python -m gentui …`` without the seconds that importing takes.

One server a session has torch and the engine imported, another what commands import, and each forks itself for every
process asked for: they are real processes, with pids, signals, pipes and exit codes of their own. What a fresh
interpreter does is tested with ``subprocess``.
"""

from __future__ import annotations

import atexit
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

import psutil

from gentui.cli import commands

SERVER = Path(__file__).with_name("fork_server.py")
ENGINE = (
    "torch", "torchvision", "torch_fidelity.metric_prc", "scipy.linalg", "sklearn.datasets", "engine.training.loop",
    "engine.inference.evaluate", "engine.inference.sample", "engine.inference.server",
)  # fmt: skip
COMMANDS = (
    "gentui.cli.main", "gentui.index", "engine.recipes.recipe",
    *(f"gentui.cli.commands.{module.name}" for module in pkgutil.iter_modules(commands.__path__)),
)  # fmt: skip


@cache
def _server(imported: tuple[str, ...]) -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-P", str(SERVER), str(theirs.fileno()), *imported],
        pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
    )  # fmt: skip
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


class Forked:
    """``python -P ARGUMENTS`` (``-m MODULE …`` or ``-c CODE …``) with the interface of ``subprocess.Popen``.

    It is the server's child, not ours: its exit code comes through a pipe.
    """

    def __init__(
        self,
        arguments: Sequence[object],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: bool = False,
        stderr: int = subprocess.PIPE,
        imported: tuple[str, ...] = ENGINE,
    ) -> None:
        given, self.stdin = _pipe_to_child() if stdin else (os.open(os.devnull, os.O_RDONLY), None)
        self.stdout, out = _pipe_from_child()
        self.stderr, err = (None, out) if stderr == subprocess.STDOUT else _pipe_from_child()
        self._exit_code, exit_code = os.pipe()
        self.returncode: int | None = None
        request = {
            "argv": [str(word) for word in arguments],
            "env": dict(os.environ if env is None else env),
            "cwd": str(cwd or Path.cwd()),
        }
        server = _server(imported)
        socket.send_fds(server, [json.dumps(request).encode()], [given, out, err, exit_code])
        self.pid = int(server.recv(32))
        for file in {given, out, err, exit_code}:
            os.close(file)

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            ended = select.poll()  # unlike select, it knows descriptors beyond 1023
            ended.register(self._exit_code, select.POLLIN)
            if not ended.poll(None if timeout is None else 1000 * timeout):
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            self.returncode = int(os.read(self._exit_code, 32) or -signal.SIGKILL)
            os.close(self._exit_code)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Everything it wrote, once it has ended. ``timeout`` bounds the wait after its output has ended."""
        errors: list[str] = []
        reader = threading.Thread(target=lambda: errors.append(self.stderr.read()) if self.stderr else None)
        reader.start()
        output = self.stdout.read()
        reader.join()
        self.wait(timeout)
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream:
                stream.close()
        return output, "".join(errors)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _pipe_to_child() -> tuple[int, IO[str]]:
    read, write = os.pipe()
    return read, os.fdopen(write, "w", encoding="utf-8")


def _pipe_from_child() -> tuple[IO[str], int]:
    read, write = os.pipe()
    return os.fdopen(read, encoding="utf-8", errors="replace"), write


def completed(
    arguments: Sequence[object],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    input: str | None = None,
    imported: tuple[str, ...] = ENGINE,
) -> subprocess.CompletedProcess[str]:
    """Run ``python -P ARGUMENTS`` to its end; see ``Forked``. Within 60 s of the end of its output it has ended."""
    process = Forked(arguments, env=env, cwd=cwd, stdin=input is not None, imported=imported)
    if process.stdin is not None and input is not None:
        process.stdin.write(input)
        process.stdin.close()
    output, errors = process.communicate(timeout=60)
    return subprocess.CompletedProcess(list(arguments), process.wait(), output, errors)


def run_python(
    *arguments: object, cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python -P ARGUMENTS`` to its end, with these variables set."""
    return completed(arguments, env={**os.environ, **variables}, cwd=cwd)


def calling(module: str, function: str) -> list[str]:
    """Arguments for Python: call a function of the tests with those that follow, and end with the code it returns."""
    root = str(Path(__file__).parents[2])  # first, since other packages are called tests, too
    find = f"import sys; sys.path.insert(0, {root!r}); from {module} import {function}"
    return ["-c", f"{find}; sys.exit({function}(*sys.argv[1:]))"]


def end_all_of(home: Path) -> None:
    """Kill every other process whose command line names a home, and what it may have started meanwhile."""
    for _ in range(3):
        if not (found := _processes_of(home)):
            return
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _processes_of(home: Path) -> list[int]:
    found = []
    for pid in psutil.pids():
        with suppress(OSError):
            if pid != os.getpid() and os.fsencode(home) in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found
