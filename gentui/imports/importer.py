"""Import runs once, or follow their logs until they end."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from engine.runs.among_hosts import among_hosts_for_long
from engine.runs.directory import boot_id
from engine.runs.files import FILE_MODE
from engine.runs.filesystems import is_shared
from gentui.imports.log_entries import Source, StartOver, Unusable
from gentui.imports.parsing import Opener
from gentui.imports.run_writer import RunWriter
from gentui.jobs.detach import Detach

READ_S = 1.0
"""Seconds between two reads of a followed log."""
SEARCH_S = 3.0
"""Seconds between two searches for new logs."""
Report = Callable[[RunWriter], None]
More = Callable[[], Sequence[RunWriter]]
_MOST_STARTS = 20
"""Times that a log is read from its start, each time because of what it turned out to hold, before it is given up."""


def take(home: Path, opener: Opener, name: str) -> RunWriter:
    """Import a log as it is now. The returned writer is closed.

    Raises Unusable if the log has no content, JobError if it is being imported by another process, or OSError.
    """
    source = opener()
    with _writing(home, source, name) as writer:
        _read(writer, to_end=True)
        _conclude(writer)
        if writer.is_empty:
            left_out = f" ({writer.recorder.skipped})" if writer.recorder.skipped else ""
            raise Unusable(
                f"{source.path} contains no numbers and no images{left_out}: there is nothing to import"
            )
        writer.publish()
    writer.close()
    return writer


def begin(home: Path, opener: Opener, name: str, detach: Detach) -> RunWriter:
    """Start following a log: import what it has so far as a running run.

    Waits for the first input from standard input. Raises as ``take``, and KeyboardInterrupt on Ctrl-C before that.
    """
    source = opener()
    with _writing(home, source, name) as writer:
        _read(writer)
        while source.is_live and not writer.recorder.has_started:
            if detach.requested:
                raise KeyboardInterrupt
            if source.is_over:
                raise Unusable('standard input was empty: pipe JSON lines into it, {"step": 1, "loss": 0.5}')
            source.wait(READ_S)
            _read(writer)
        writer.publish()
    return writer


def follow(writers: Sequence[RunWriter], detach: Detach, ended: Report, more: More = tuple) -> None:
    """Follow runs until each has ended or the user presses Ctrl-C; ``ended`` is called with each.

    ``more`` is called now and then for new runs. A stop requested for one run ends only that one. A run whose log can
    no longer be read is marked interrupted; the others continue.
    """
    going = list(writers)
    asked = time.monotonic()
    while going:
        if time.monotonic() - asked > SEARCH_S and not detach.requested:
            going += more()
            asked = time.monotonic()
        leaving = _no_longer_followed(going, detach)  # before the last read, which then includes all until now
        for writer in list(going):
            if _is_over(writer, writer in leaving):
                going.remove(writer)
                writer.close()
                ended(writer)
        if going:
            going[0].source.wait(READ_S)


def _no_longer_followed(going: Sequence[RunWriter], detach: Detach) -> Sequence[RunWriter]:
    """The runs to stop following after a request: those with a stop requested, else all."""
    if not detach.requested:
        return ()
    stopped = [writer for writer in going if writer.is_to_stop]
    if stopped:
        detach.cancel()
    return stopped or list(going)


def _is_over(writer: RunWriter, is_left: bool) -> bool:
    """Import what is new. Return whether the run is over."""
    try:
        _read(writer, to_end=is_left)
        if writer.recorder.ended or writer.source.is_over:
            if not is_left:
                _read(writer, to_end=True)
            _conclude(writer)
            return True
    except (Unusable, OSError) as error:
        with suppress(OSError):  # if this fails, reconciling finds the lock free and records the end
            writer.conclude("interrupted", f"its log could not be followed: {error}")
        return True
    if is_left and writer.is_to_stop:
        writer.conclude("stopped", "it is no longer followed; the script that logs it may continue")
    elif is_left:
        again = "" if writer.source.is_live else f"; `gentui import {writer.source.path} --follow` continues"
        writer.conclude("interrupted", f"not followed beyond step {writer.recorder.step:,}{again}")
    return is_left


def _read(writer: RunWriter, to_end: bool = False) -> None:
    """Write what is new in the log, from its start if the log demands it; ``to_end``: with what remains at its end."""
    for _ in range(_MOST_STARTS):
        try:
            writer.drain(writer.source.entries())
            if to_end:
                writer.drain(writer.source.last_entries())
        except StartOver:
            writer.start_over()
        else:
            writer.publish_again()
            return
    raise Unusable(f"{writer.source.path} is rewritten faster than it can be read: import it again later")


def _conclude(writer: RunWriter) -> None:
    """End the run as its log says, or else with the format's default end."""
    if writer.source.is_live and writer.is_empty:
        writer.conclude("failed", "no line was a JSON object with numbers")
    elif writer.recorder.ended is None:
        writer.conclude(*writer.source.default_end)
    elif writer.recorder.ended.code == 0:
        writer.conclude("done", "")
    else:
        code = f"exit code {writer.recorder.ended.code}"
        clue = writer.last_error()
        writer.conclude("failed", f"{clue} ({code})" if clue else f"the script ended with {code}")


@contextmanager
def _writing(home: Path, source: Source, name: str) -> Iterator[RunWriter]:
    """A writer for the source, closed if anything fails. Of two imports of the same log, the second waits and then
    finds the run of the first; standard input is always new."""
    with ExitStack() as held:
        if not source.is_live:
            fd = os.open(home / "import.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            held.callback(os.close, fd)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if is_shared(home):
                held.enter_context(among_hosts_for_long(home / ".import.hosts-lock", boot_id()))
        try:
            writer = RunWriter(home, source, name)
        except BaseException:
            source.close()
            raise
        try:
            yield writer
        except BaseException:
            writer.close()
            raise
