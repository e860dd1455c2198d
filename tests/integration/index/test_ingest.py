"""The index is read and filled by several processes at once."""

from __future__ import annotations

import subprocess
import sys

from gentui.index import Index
from tests.support.index import Log, dump, settle


def test_readers_never_see_a_rebuild_in_progress(index, make_run):
    for _ in range(30):
        Log(make_run()).start().metrics(range(1, 100), loss=float)
    index.refresh()
    reader = Index(index.home)
    assert len(reader.runs()) == 30
    process = subprocess.Popen([sys.executable, "-c", REBUILD_FIVE_TIMES, str(index.home)])
    looks = 0
    while process.poll() is None:
        rows = reader.runs()
        assert len(rows) == 30 and all(row.step == 99 for row in rows)
        looks += 1
    assert process.returncode == 0 and looks > 5


REBUILD_FIVE_TIMES = """
import sys
from pathlib import Path
from gentui.index import Index
for _ in range(5):
    Index(Path(sys.argv[1])).rebuild()
"""


INGEST_UNTIL_TOLD = """
import sys
from pathlib import Path
from gentui.index import Index
home = Path(sys.argv[1])
index = Index(home)
while not (home / "enough").exists():
    index.refresh()
    index.runs()
index.refresh(wait=30)
"""


def test_two_processes_ingest_at_once_without_errors_or_double_rows(index, make_run):
    runs = [make_run() for _ in range(6)]
    logs = [Log(run).start() for run in runs]
    several = [
        subprocess.Popen([sys.executable, "-c", INGEST_UNTIL_TOLD, str(index.home)], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for first in range(1, 3001, 100):
        for log in logs:
            log.metrics(range(first, first + 100), loss=float, lr=float)
    for log in logs:
        log.score(3000, 4.0)
    (index.home / "enough").touch()
    for process in several:
        assert (process.communicate(timeout=60)[1], process.returncode) == (b"", 0)
    settle()
    index.refresh()
    for run in runs:
        assert index.series(run.id, "loss").points == 3000 and len(index.evaluations(run.id)) == 1
    together = dump(index.path)
    index.rebuild()
    assert dump(index.path) == together
