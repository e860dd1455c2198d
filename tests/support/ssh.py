"""Another machine for tests, as far as gentui can tell: a host name, a boot and processes of its own, reached by SSH.

Namespaces of this kernel stand for the machine, and an sshd of its own listens on 127.0.0.1, with a key, a
configuration and a list of those it lets in that lie in a temporary folder. Needs root and Debian's packages
``openssh-server`` and ``openssh-client``. One kernel has one table of locks: that those of one machine are unknown to
the other must be pretended.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from functools import cache
from pathlib import Path

import pytest

from gentui.jobs.launchers.ssh import standing
from tests.support.jobs import FAKE, FAKE_EVALUATOR
from tests.support.waiting import wait_for

PROGRAMS = ("sshd", "ssh", "ssh-keygen", "unshare", "nsenter", "timeout")
NAME = "box2"
"""How ``hosts.toml`` calls the machine; it calls itself ``far``, with a number."""
_SPACES = ("--uts", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_ROOT = Path(__file__).resolve().parents[2]


@cache
def lacking() -> str:
    """Why there can be no other machine here; "" if there can."""
    if os.geteuid():
        return "only root can make the namespaces of another machine"
    missing = [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:{_PATH}") is None]
    if missing:
        return f"{', '.join(missing)} not installed: RUNLEVEL=1 apt-get install openssh-server openssh-client"
    tried = subprocess.run(["unshare", *_SPACES, "true"], capture_output=True, text=True, check=False)
    return f"namespaces are not permitted here: {tried.stderr.strip()}" if tried.returncode else ""


class Machine:
    """The other machine. ``start`` and ``stop_sshd`` may be called again and again; ``end`` switches it off."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ssh-"))
        self.name = f"far{os.getpid()}"
        self.boot = str(uuid.uuid4())
        self.config = self.folder / "config"
        self._port = _free_port()
        self._init: subprocess.Popen[bytes] | None = None
        self._sshd: subprocess.Popen[bytes] | None = None

    def switch_on(self) -> None:
        """Start the machine, with an sshd."""
        for key in ("host", "mine", "other"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / key)], check=True
            )
        shutil.copy(self.folder / "mine.pub", self.folder / "let-in")
        self.know("host")
        self._write_configurations()
        self._boot()

    def _boot(self) -> None:
        (self.folder / "boot").write_text(f"{self.boot}\n")
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        begin = (
            f"hostname {self.name} && mount --bind {self.folder}/boot /proc/sys/kernel/random/boot_id"
            f" && mount -t tmpfs tmpfs /run && mkdir /run/sshd && echo $$ >{ready} && exec sleep infinity"
        )
        self._init = subprocess.Popen(
            ["unshare", *_SPACES, "sh", "-c", begin], stdin=subprocess.DEVNULL, start_new_session=True
        )
        wait_for(ready.exists, "the other machine to be up")
        self.start_sshd()

    def start_sshd(self) -> None:
        assert self._init is not None
        (inner,) = _children(self._init.pid)
        with (self.folder / "sshd.log").open("ab") as log:
            self._sshd = subprocess.Popen(
                ["nsenter", "-t", str(inner), "-m", "-u", "-p", shutil.which("sshd", path=_PATH) or "sshd",
                 "-D", "-e", "-f", str(self.folder / "sshd_config")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        wait_for(self._answers, f"sshd; its log is {self.folder}/sshd.log")

    def stop_sshd(self) -> None:
        """Cut the network: nobody is let in any more, and connections end."""
        if self._sshd is not None:
            for pid in [*_descendants(self._sshd.pid), self._sshd.pid]:
                if b"sshd" in _line(pid) or pid == self._sshd.pid:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            self._sshd.wait()
            self._sshd = None

    def is_answering(self) -> bool:
        """Whether it still does what it was asked for."""
        assert self._init is not None
        return any(b"gentui.jobs.agent" in _line(pid) for pid in _descendants(self._init.pid))

    def restart(self) -> None:
        """Switch the machine off, and on again."""
        self.stop_sshd()
        assert self._init is not None
        self._init.kill()
        self._init.wait()
        self.boot = str(uuid.uuid4())
        self._boot()

    def end(self) -> None:
        """Switch the machine off: every process on it dies with its first."""
        self.stop_sshd()
        if self._init is not None:
            self._init.kill()
            self._init.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def know(self, key: str) -> None:
        """Have this side take the machine for the one with the host key ``host``, or with another; "": with none."""
        line = f"[127.0.0.1]:{self._port} {(self.folder / f'{key}.pub').read_text()}" if key else ""
        (self.folder / "known").write_text(line)

    def hosts(self, **options: object) -> str:
        """``hosts.toml`` with the machine."""
        lines = [f"{key} = {json.dumps(value)}" for key, value in options.items()]
        table = [f"[{NAME}]", 'launcher = "ssh"', 'address = "far"', f'config = "{self.config}"']
        return "\n".join([*table, *lines, ""])

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
            return True
        return False

    def _write_configurations(self) -> None:
        here = self.folder
        variables = {
            "GENTUI_TRAINER": json.dumps([sys.executable, "-P", str(FAKE)]),
            "GENTUI_EVALUATOR": json.dumps([sys.executable, "-P", str(FAKE_EVALUATOR)]),
            "HOME": str(here), "GENTUI_CONFIG": str(here / "none"), "GENTUI_THREADS": "1", "PYTHONPATH": str(_ROOT),
        }  # fmt: skip
        set_there = " ".join(f"'{key}={value}'" for key, value in variables.items())
        (here / "sshd_config").write_text(
            f"Port {self._port}\nListenAddress 127.0.0.1\nHostKey {here}/host\nAuthorizedKeysFile {here}/let-in\n"
            "PidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n"
            "KbdInteractiveAuthentication no\nUseDNS no\nPrintMotd no\nLogLevel INFO\n"
            f"SetEnv {set_there}\n"
        )
        self.config.write_text(
            f"Host far\n HostName 127.0.0.1\n Port {self._port}\n User root\n IdentityFile {here}/mine\n"
            f" IdentitiesOnly yes\n UserKnownHostsFile {here}/known\n GlobalKnownHostsFile /dev/null\n"
        )


class FakeSsh:
    """An ``ssh`` that runs its command on this machine, or prints what a test says."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch):
        self.folder = folder
        folder.mkdir()
        script = folder / "ssh"
        script.write_text(
            f'#!/bin/sh\ncat >"{folder}/question"\n{{ cat "{folder}/question"; echo; }} >>"{folder}/asked"\n'
            f'if [ -e "{folder}/prints" ]; then cat "{folder}/prints"; code=$(cat "{folder}/code")\n'
            f'else for last; do :; done; sh -c "$last" <"{folder}/question"; code=$?; fi\n'
            f'echo >>"{folder}/ended"; exit "$code"\n'
        )
        script.chmod(0o755)
        patch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        self._waited = 0

    def prints(self, text: str, code: int = 0) -> None:
        (self.folder / "prints").write_text(f"{text}\n")
        (self.folder / "code").write_text(str(code))

    @property
    def asked(self) -> list[str]:
        """The questions, in order."""
        path = self.folder / "asked"
        return path.read_text().split("\n")[:-1] if path.exists() else []

    def ended(self) -> None:
        """Wait until the question that nobody waits for has been answered."""
        self._waited += 1
        path = self.folder / "ended"
        wait_for(lambda: path.exists() and path.read_text().count("\n") >= self._waited, "the answer")
        for process in standing._asking:
            process.wait()


@pytest.fixture(scope="session")
def machine():
    """Another machine, for all tests of a session."""
    machine = Machine()
    try:
        machine.switch_on()
        yield machine
    finally:
        machine.end()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _descendants(pid: int) -> list[int]:
    found = []
    with contextlib.suppress(OSError):
        for child in _children(pid):
            found += [child, *_descendants(child)]
    return found


def _line(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
