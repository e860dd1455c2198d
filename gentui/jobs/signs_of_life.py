"""When a job's process last wrote something."""

from __future__ import annotations

import os
from contextlib import suppress

from engine.runs.directory import JobDir, RunDir, State


def last_sign_of_life(job: JobDir, state: State, afresh: bool = False) -> float:
    """Unix time of the newest thing that a job's process has written, or of its start.

    ``afresh``: ask the server of a shared file system, too, where another machine may have written.
    """
    files = [job.log_path] if not isinstance(job, RunDir) else [job.events_path(state.attempt), job.log_path]
    times = [state.started_at or 0.0]
    for path in files:
        with suppress(OSError):
            if not afresh:
                times.append(os.stat(path).st_mtime)  # noqa: PTH116 - at every poll
                continue
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:  # opening a file makes NFS ask its server for the attributes that stat(2) takes from its cache
                times.append(os.fstat(fd).st_mtime)
            finally:
                os.close(fd)
    return max(times)
