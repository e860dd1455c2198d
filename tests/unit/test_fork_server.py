"""The process that forks itself for the tests' commands."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import socket
import subprocess
import sys

import pytest

from tests.support.processes import SERVER


def test_it_answers_on_a_descriptor_beyond_those_that_select_knows():
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < 1200:
        pytest.skip("this process may not open so many files")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    high = fcntl.fcntl(theirs.fileno(), fcntl.F_DUPFD, 1100)
    theirs.close()
    server = subprocess.Popen([sys.executable, "-P", str(SERVER), str(high), "json"], pass_fds=[high])
    os.close(high)
    read, write = os.pipe()
    output, out = os.pipe()
    given = os.open(os.devnull, os.O_RDWR)
    request = {"argv": ["-c", "print(6 * 7)"], "env": dict(os.environ), "cwd": "/"}
    socket.send_fds(ours, [json.dumps(request).encode()], [given, out, given, write])
    assert int(ours.recv(32)) > 0
    for descriptor in (given, out, write):
        os.close(descriptor)
    with os.fdopen(output) as printed, os.fdopen(read) as status:
        assert (printed.read(), status.read()) == ("42\n", "0")
    ours.close()
    assert server.wait(timeout=60) == 0
