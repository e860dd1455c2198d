"""A process that has imported torch once and forks itself for every ``python -m …`` requested.

``python -P fork_server.py FD MODULE …``: it imports the modules, then answers on the Unix socket FD. A request is one
message of JSON, ``{"argv": ["-m", MODULE, …] or ["-c", CODE, …], "env": {…}, "cwd": …}``, with four open files: the
child's stdin, stdout and stderr, and a pipe to which the exit status is written. The answer is the child's pid. At the
end of the socket every child is killed.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import tempfile
import traceback
from typing import Any


def main(fd: int, modules: list[str]) -> None:
    for name in modules:
        importlib.import_module(name)
    gc.freeze()
    requests = socket.socket(fileno=fd)
    children: dict[int, tuple[int, int]] = {}  # by pidfd: pid, where its exit status is written
    watched = select.poll()  # unlike select, it knows descriptors beyond 1023
    watched.register(requests, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in watched.poll()}
        for pidfd in ready & children.keys():
            watched.unregister(pidfd)
            pid, pipe = children.pop(pidfd)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            with contextlib.suppress(BrokenPipeError):  # nobody waits for it any more
                os.write(pipe, b"%d" % code)
            os.close(pidfd)
            os.close(pipe)
        if requests.fileno() not in ready:
            continue
        message, files, _, _ = socket.recv_fds(requests, 1 << 20, 4)
        if not message:
            break
        if (pid := os.fork()) == 0:
            requests.close()
            for each, (_, pipe) in children.items():
                os.close(each)
                os.close(pipe)
            become(json.loads(message), files)
        for file in files[:3]:
            os.close(file)
        pidfd = os.pidfd_open(pid)
        children[pidfd] = (pid, files[3])
        watched.register(pidfd, select.POLLIN)
        requests.send(b"%d" % pid)
    for pid, _ in children.values():
        os.kill(pid, signal.SIGKILL)


def become(request: dict[str, Any], files: list[int]) -> None:
    """Run the module or the code of ``request`` as the main program of this process, and end with it."""
    code = 1
    try:
        for number, file in enumerate(files[:3]):
            os.dup2(file, number)
        for file in files:
            os.close(file)
        # Those of before know what kind of files they were for.
        for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
            old = getattr(sys, name)
            new = open(number, mode, 1 if number == 2 else -1, old.encoding, old.errors, closefd=False)  # noqa: SIM115
            setattr(sys, name, new)
            setattr(sys, f"__{name}__", new)
        os.environ.clear()
        os.environ.update(request["env"])
        tempfile.tempdir = None  # it was chosen by the variables of before
        os.chdir(request["cwd"])
        flag, program, *arguments = request["argv"]
        sys.argv = [program, *arguments]
        if flag == "-m":
            if not hasattr(sys.modules.get(program), "__path__"):
                sys.modules.pop(program, None)  # it was imported here, and is run now
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            sys.argv[0] = flag
            exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        if isinstance(leaving.code, str):
            print(leaving.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 120
    os._exit(code)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
