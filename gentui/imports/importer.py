"""Imports runs: as their logs are now, or along with them until they end."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from engine.runs.directory import FILE_MODE
from gentui.imports.log_entries import Source, Unusable
from gentui.imports.parsing import Opener
from gentui.imports.run_writer import RunWriter
from gentui.jobs.detach import Detach

LOOK_S = 1.0
"""Seconds between two looks at logs that are followed."""
MORE_S = 3.0
"""Seconds between two looks for logs that have begun since."""
Said = Callable[[RunWriter], None]
More = Callable[[], Sequence[RunWriter]]


def take(home: Path, opener: Opener, name: str) -> RunWriter:
    """The run of a log, as it is now; it is closed. Raises Unusable where it holds nothing, JobError, or OSError."""
    source = opener()
    with _writing(home, source, name) as writer:
        writer.drain(source.entries())
        _conclude(writer)
        if writer.is_empty:
            raise Unusable(f"{source.path} holds no numbers and no pictures: there is nothing to import")
        writer.publish()
    writer.close()
    return writer


def begin(home: Path, opener: Opener, name: str, detach: Detach) -> RunWriter:
    """The run of a log that is followed, with all that is there, running. Standard input is waited for: until it says
    something there is no run. Raises as ``take``, and KeyboardInterrupt when the person leaves before."""
    source = opener()
    with _writing(home, source, name) as writer:
        writer.drain(source.entries())
        while source.is_live and not writer.recorder.has_started:
            if detach.requested:
                raise KeyboardInterrupt
            if source.is_over:
                raise Unusable(
                    'nothing came through standard input: pipe JSON lines into it, {"step": 1, "loss": 0.5}'
                )
            source.wait(LOOK_S)
            writer.drain(source.entries())
        writer.publish()
    return writer


def follow(writers: Sequence[RunWriter], detach: Detach, ended: Said, more: More = tuple) -> None:
    """Go along with runs that have begun until each has ended, or the person leaves; ``ended`` is told of each.

    ``more`` is asked now and then for runs that have begun since. A stop asked of one of several ends that one alone.
    One whose log cannot be read on is interrupted, and keeps nothing from the others.
    """
    going = list(writers)
    asked = time.monotonic()
    while going:
        if time.monotonic() - asked > MORE_S and not detach.requested:
            going += more()
            asked = time.monotonic()
        left = _no_longer_followed(
            going, detach
        )  # asked before the last look: what was logged until then is taken
        for writer in list(going):
            if _is_over(writer, writer in left):
                going.remove(writer)
                writer.close()
                ended(writer)
        if going:
            going[0].source.wait(LOOK_S)


def _no_longer_followed(going: Sequence[RunWriter], detach: Detach) -> Sequence[RunWriter]:
    """The runs that are not followed on: those to stop, else all of them."""
    if not detach.requested:
        return ()
    stopped = [writer for writer in going if writer.is_to_stop]
    if stopped:
        detach.cancel()
    return stopped or list(going)


def _is_over(writer: RunWriter, is_left: bool) -> bool:
    """Take what is new; whether that was the last of it."""
    try:
        writer.drain(writer.source.entries())
        if writer.recorder.ended or writer.source.is_over:
            _conclude(writer)
            return True
    except (Unusable, OSError) as error:
        with suppress(OSError):  # else whoever looks sees that nobody writes it any more
            writer.conclude("interrupted", f"its log could not be followed: {error}")
        return True
    if is_left and writer.is_to_stop:
        writer.conclude("stopped", "it is no longer followed; the script that logs it may go on")
    elif is_left:
        again = (
            ""
            if writer.source.is_live
            else f"; `gentui import {writer.source.path} --follow` takes it up again"
        )
        writer.conclude("interrupted", f"not followed beyond step {writer.recorder.step:,}{again}")
    return is_left


def _conclude(writer: RunWriter) -> None:
    """End the run as its log says, or as it stands without that."""
    writer.drain(writer.source.last_entries())
    if writer.source.is_live and writer.is_empty:
        writer.conclude("failed", "no line that came was a JSON object with numbers")
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
    """A writer of the source, which is let go of when anything goes wrong. Of two imports of one log the second waits,
    and finds the run of the first; a pipe is never the same twice."""
    with ExitStack() as held:
        if not source.is_live:
            fd = os.open(home / "import.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            held.callback(os.close, fd)
            fcntl.flock(fd, fcntl.LOCK_EX)
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
