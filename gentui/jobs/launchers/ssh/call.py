"""Ask gentui on another machine something, through OpenSSH.

What is asked goes through stdin as JSON, so that nothing of a run is ever part of a command line. The answer is one
line with a mark before it, for a login shell may print a greeting.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tempfile
from typing import Any

from gentui.jobs.launchers.hosts.ssh import SshHost
from gentui.text.sanitize import clean

MARK = "gentui answers: "
TIMEOUT = 45
"""Seconds that a question may take; of these ten to reach the machine, and python may come from a slow disk."""
_CONNECT = 10
_OPTIONS = (
    "BatchMode=yes", f"ConnectTimeout={_CONNECT}", "ServerAliveInterval=5", "ServerAliveCountMax=3",
    "ClearAllForwardings=yes", "ForwardX11=no", "ForwardAgent=no", "RequestTTY=no", "PermitLocalCommand=no",
    "RemoteCommand=none",
)  # fmt: skip
_AGENT = "gentui.jobs.agent"
_LONGEST = 1 << 16


class SshError(Exception):
    """The machine cannot be asked; the message is a clause that says why, and what can be done."""


def command(host: SshHost) -> list[str]:
    """The command that starts gentui's agent on the machine."""
    options = [word for option in _OPTIONS for word in ("-o", option)]
    *where, address = _destination(host)
    return ["ssh", *options, *where, "--", address, remote_command(host)]


def _destination(host: SshHost) -> list[str]:
    """The arguments that one would give to ssh by hand, the last being the address."""
    config = ["-F", host.config] if host.config else []
    return [*config, *(["-p", str(host.port)] if host.port else []), host.address]


def remote_command(host: SshHost) -> str:
    """What the login shell there is given."""
    start = shlex.join([host.python or sys.executable, "-P", "-m", _AGENT])
    if not host.setup:
        return f"exec {start}"
    return f"exec bash -c {shlex.quote(chr(10).join((*host.setup, f'exec {start}')))}"


def ask(host: SshHost, question: dict[str, Any]) -> dict[str, Any]:
    """The answer of the agent there. Raises SshError."""
    with (
        tempfile.TemporaryFile() as printed
    ):  # no pipe: a connection that is kept for others would hold it open
        try:
            subprocess.run(
                command(host), input=json.dumps(question).encode(), stdout=printed, stderr=printed, timeout=TIMEOUT,
                check=False,
            )  # fmt: skip
        except FileNotFoundError:
            raise SshError("`ssh` is not installed here") from None
        except subprocess.TimeoutExpired:
            by_hand = shlex.join(["ssh", *_destination(host), "true"])
            raise SshError(f"it does not answer within {TIMEOUT} s: `{by_hand}` should end at once") from None
        except OSError as error:
            raise SshError(f"`ssh` cannot be started: {error.strerror}") from None
        printed.seek(0)
        text = printed.read(_LONGEST).decode(errors="replace")
    if (answer := answer_in(text)) is None:
        raise SshError(complaint(host, text))
    return answer


def answer_in(printed: str) -> dict[str, Any] | None:
    """The last answer among what was printed; None if there is none."""
    for line in reversed(printed.splitlines()):
        if line.startswith(MARK):
            try:
                answer = json.loads(line.removeprefix(MARK))
            except (ValueError, RecursionError):
                return None
            return answer if isinstance(answer, dict) else None
    return None


def complaint(host: SshHost, printed: str) -> str:
    """Why there was no answer, and what can be done, from what ssh or the shell there printed."""
    lines = [line for line in map(_without_noise, printed.splitlines()) if line]
    last = lines[-1] if lines else "it said nothing"
    to = shlex.join(_destination(host))
    python = host.python or sys.executable
    for pattern, words in _COMPLAINTS:
        if found := next((line for line in lines if re.search(pattern, line)), ""):
            return words.format(
                line=found, ssh=f"ssh {to}", host=host.address.rpartition("@")[2], name=host.name, python=python
            )
    return last


def _without_noise(line: str) -> str:
    line = clean(line, 300).strip()
    return (
        "" if line.startswith(("Warning: Permanently added", "@@@", "debug1:")) or set(line) <= {"@"} else line
    )


_COMPLAINTS = (
    (
        "ssh-keygen .*-R ",
        "its host key is not the one that is known: another machine answers, or it was installed anew; if so, `{line}`,"
        " then `{ssh}` by hand",
    ),
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "its host key is not the one that is known: another machine answers, or it was installed anew; if so,"
        " `ssh-keygen -R {host}`, then `{ssh}` by hand",
    ),
    (
        "Host key verification failed",
        "its host key is not known here: connect once by hand, `{ssh}`, and compare the key",
    ),
    (
        r"Permission denied \(|Too many authentication failures",
        "it lets nobody in without a password ({line}): `ssh-copy-id`, or add your key to an agent, until `{ssh}` asks"
        " for nothing",
    ),
    ("Could not resolve hostname", "there is no machine {host}: correct address in [{name}] of hosts.toml"),
    ("Connection refused", "no sshd answers there ({line}): is it started, and is the port right?"),
    (
        "timed out|No route to host|Network is unreachable|not responding|Connection .*(reset|closed)|[Bb]roken pipe",
        "it does not answer ({line})",
    ),
    ("failed to run command .ssh.", "`ssh` is not installed here"),
    (
        r"No module named '?gentui'?\)?$",
        "{python} there has no gentui: install it, or name another as python in [{name}] of hosts.toml",
    ),
    (r"No module named '?gentui\.", "the gentui there is too old to be asked: install the same version as here"),
    ("[Uu]nknown option:? -P", "{python} there is older than Python 3.11: name another as python in [{name}]"),
    (
        "not found|No such file|cannot execute|Permission denied",
        "there is no {python} there ({line}): name the interpreter as python in [{name}] of hosts.toml",
    ),
)  # fmt: skip
"""What is looked for in a line, and the clause for it, the most certain first."""
