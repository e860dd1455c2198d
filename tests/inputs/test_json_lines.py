"""JSON lines as other programs write them: every value arrives, or is counted with an example of why it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.runs.directory import list_runs
from tests.support.logs import followed, imported, points_of, values_of

A_REPLACED = "values of an attempt that a restart replaces"
TWO = '{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.4}\n'


@pytest.fixture
def lines(tmp_path):
    """Writes a file of lines and returns its path."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "m.jsonl"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def objects(*rows: dict) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]
)
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_the_first_row_is_read_in_every_encoding(home, lines, encoding, ends):
    writer = imported(home, lines(TWO.replace("\n", ends).encode(encoding)))
    assert points_of(writer) == {1: {"loss": 0.5}, 2: {"loss": 0.4}} and not writer.recorder.skipped


def test_an_iteration_that_begins_again_in_each_epoch_overwrites_nothing(home, lines):
    rows = [{"epoch": e, "iter": i, "loss": e + i / 1000} for e in (1, 2) for i in (100, 200)]
    writer = imported(home, lines(objects(*rows)))
    assert points_of(writer) == dict(enumerate(rows, 1)) and not writer.recorder.skipped
    assert writer.recorder.notes == [
        "rows are numbered, because iter begins again in each epoch (line 3: 100 after 200)"
    ]


def test_a_step_that_goes_back_is_a_restart_that_replaces_what_came_after(home, lines):
    rows = [{"step": step, "loss": step} for step in range(10)] + [{"step": step, "loss": 0} for step in (5, 6)]
    writer = imported(home, lines(objects(*rows)))
    assert points_of(writer) == {step: {"loss": step if step < 5 else 0} for step in range(7)}
    assert writer.recorder.skipped == {A_REPLACED: 5}
    assert writer.recorder.skipped.examples[A_REPLACED] == "line 6: loss 5 at step 5"


def test_rows_of_several_kinds_may_share_a_step(home, lines):
    rows = [{"step": 1, "a": 1}, {"step": 2, "a": 2}, {"step": 1, "b": 3}, {"step": 2, "b": 4}, {"c": 5}]
    writer = imported(home, lines(objects(*rows)))
    assert (
        points_of(writer) == {1: {"a": 1, "b": 3}, 2: {"a": 2, "b": 4, "c": 5}} and not writer.recorder.skipped
    )


def test_what_is_not_taken_has_an_example(home, lines):
    writer = imported(
        home, lines(TWO + 'Traceback\n{"step": 3, "note": "x", "loss": [1, 2]}\n{"step": 4, "loss": 0.')
    )
    assert points_of(writer) == {1: {"loss": 0.5}, 2: {"loss": 0.4}}
    assert writer.recorder.skipped == {"lines that are not objects": 2, "texts": 2}
    assert writer.recorder.skipped.examples == {
        "lines that are not objects": "line 3: Traceback", "texts": "line 4: note x",
    }  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + TWO,
        "note\n" + TWO.replace("\n", "\r\n") + '{"step": 1, "loss": 0.3}\n{"loss": 0.2}',
        objects(*({"epoch": e, "iter": i, "loss": i} for e in (1, 2) for i in (1, 2))),
    ],
)
def test_a_followed_file_is_what_it_is_at_once_however_it_grows(home, lines, content):
    data = content.encode()
    path = lines(b"")
    edits = [lambda size=size: path.write_bytes(data[:size]) for size in (*range(1, len(data), 5), len(data))]
    writer = followed(home, path, *edits)
    found = points_of(writer), writer.recorder.skipped, writer.recorder.notes
    again = imported(home, path)
    assert found == (points_of(again), again.recorder.skipped, again.recorder.notes)


def test_a_file_begun_anew_while_it_is_followed_is_read_from_its_start(home, lines):
    path = lines(TWO)
    writer = followed(home, path, lambda: lines('{"step": 1, "accuracy": 0.9, "loss": 0.6}\n'))
    assert points_of(writer) == {1: {"accuracy": 0.9, "loss": 0.6}}


def test_what_is_piped_in_has_restarts_and_passes_too(gentui, home):
    text = "hello\n" + objects(*({"step": step, "loss": step} for step in (1, 2, 3, 2))) + "bye\n"
    done = gentui("import", "-", input=text)
    assert done.returncode == 0 and f"skipped: {A_REPLACED} (2; line 3: loss 2 at step 2)" in done.stderr, (
        done.stderr
    )
    (run,) = list_runs(home)
    assert (
        values_of(run.path) == {1: {"loss": 1}, 2: {"loss": 2}} and run.log_path.read_text() == "hello\nbye\n"
    )


def test_a_pass_that_begins_in_a_pipe_while_it_is_followed_renumbers_all(environment, home):
    import subprocess
    import sys

    from tests.support.waiting import wait_for

    with subprocess.Popen(
        [sys.executable, "-P", "-m", "gentui", "import", "-"], env=environment, stdin=subprocess.PIPE, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(objects(*({"epoch": 1, "iter": i, "loss": i} for i in (10, 20))))
        process.stdin.flush()
        run = wait_for(lambda: next((run for run in list_runs(home) if 20 in values_of(run.path)), None))
        process.stdin.write(objects(*({"epoch": 2, "iter": i, "loss": i} for i in (10, 20))))
        process.stdin.flush()
        wait_for(lambda: 4 in values_of(run.path))
        _, told = process.communicate(timeout=60)
    assert "rows are numbered, because iter begins again in each epoch" in told
    assert [row["iter"] for row in values_of(run.path).values()] == [10, 20, 10, 20]
