"""Processes that are killed while they write: the old file or the new one is there, and nothing beside it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from engine.runs import files
from engine.training import checkpoint
from tests.support.engine import events, finish, small_run, trainer

WRITERS = {
    "a file of a run": "from engine.runs.files import write_atomically; write_atomically(path, b'new')",
    "a picture of a report": "from gentui.export.files import write_bytes; write_bytes(path, b'new')",
    "an export": "from gentui.export.files import write_text; write_text(path, 'new')",
}
KILLED_IN = "import os, sys; from pathlib import Path; os.{call} = lambda *_, **__: os.kill(os.getpid(), 9); "


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_a_process_killed_before_a_file_is_on_disk_leaves_only_the_old_one(tmp_path, writer):
    path = tmp_path / "results.csv"
    path.write_bytes(b"old")
    code = KILLED_IN.format(call="fsync") + f"path = Path({str(path)!r}); {writer}"
    assert subprocess.run([sys.executable, "-P", "-c", code]).returncode == -signal.SIGKILL
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("results.csv", b"old")]


REPORT = """
import resource, signal, sys
from pathlib import Path
from gentui.export.report import write_report
home, run, folder, limit = sys.argv[1:]
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # kills the process in the middle of a file that becomes too large
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
write_report(Path(home), [run], Path(folder))
"""


def test_a_report_killed_while_it_copies_a_picture_leaves_the_picture_of_the_old_one(make_run, home, tmp_path):
    run = make_run()
    picture = run.path / "samples" / "000003.png"

    def report(limit: int) -> int:
        words = [sys.executable, "-P", "-c", REPORT, home, run.id, tmp_path / "report", limit]
        return subprocess.run([str(word) for word in words]).returncode

    picture.write_bytes(b"old picture")
    assert report(4 << 20) == 0
    (copy,) = (tmp_path / "report" / "pictures").glob("*.png")
    picture.write_bytes(bytes(5 << 20))
    assert report(4 << 20) == -signal.SIGXFSZ
    assert copy.read_bytes() == b"old picture"
    assert not list(copy.parent.glob(".*"))


def test_files_are_written_where_none_can_be_without_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "O_TMPFILE", os.O_WRONLY | os.O_DIRECTORY)  # refused with EISDIR, as by old kernels
    path = tmp_path / "results.csv"
    for text in (b"old", b"new"):
        files.write_atomically(path, text)
        assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("results.csv", text)]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_run_that_is_resumed_at_its_last_step_removes_what_a_killed_save_left(tmp_path):
    run = small_run(tmp_path, train__steps=4, evaluate__times=1)
    assert finish(trainer(run))[0] == 0
    complete = {path.name for path in run.checkpoints.iterdir()}
    for name in (".new-abcdefgh", ".old-step-000000003", "step-000000003"):
        (run.checkpoints / name).mkdir()
        (run.checkpoints / name / "state.pt").write_bytes(b"half")
    (run.checkpoints / ".last.new").symlink_to("step-000000003")
    code, output = finish(trainer(run))
    assert code == 0, output
    assert {path.name for path in run.checkpoints.iterdir()} == complete
    assert events(run, "status")[-1]["status"] == "done"
    assert checkpoint.load_state(run)["step"] == 4
