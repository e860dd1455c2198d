"""Tables fit the terminal; commands print what there is; options and not shipped files are blamed."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import sys
import termios

import pytest

from engine.recipes.recipe import RecipeError, load, loads
from engine.runs.events import EventWriter

WIDE = (
    "RUN",
    "STATUS",
    "RECIPE",
    "STEP",
    "LOSS",
    "IMAGES/S",
    "TIME",
    "SCORE",
    "ALARMS",
    "NAME",
    "TAGS",
    "REASON",
)


def on_terminal(columns: int, *words: str) -> list[str]:
    """What a command writes to a terminal of so many columns, stdout and stderr."""
    pid, fd = pty.fork()
    if not pid:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.environ.pop("COLUMNS", None)
        os.execv(sys.executable, [sys.executable, "-P", "-m", "gentui", *words])
    read = b""
    while True:
        try:
            more = os.read(fd, 1 << 16)
        except OSError:  # it has ended
            break
        if not more:
            break
        read += more
    os.waitpid(pid, 0)
    os.close(fd)
    return read.decode().replace("\r\n", "\n").splitlines()


def test_a_table_fits_the_columns_there_are_and_drops_the_least_important(home, make_run):
    for seed in range(2):
        run = make_run(
            name=f"a rather long name of run {seed}", scores=(3.0,), status="failed", reason="out of memory"
        )
    lines = on_terminal(80, "--home", str(home), "runs")
    table = [line for line in lines if not line.startswith(("no room", "†"))]
    assert table and max(map(len, table)) <= 80 and len(table) == 3
    assert run.id in "\n".join(table), "what a run is called by is never cut"
    assert any(line.startswith("no room for ") and "--wide shows all columns" in line for line in lines)
    wide = on_terminal(80, "--home", str(home), "runs", "--wide")
    assert max(map(len, wide)) > 80 and {"IMAGES/S", "NAME", "REASON"} <= {*wide[0].split()}


def test_what_is_no_terminal_gets_every_column(invoke, make_run):
    make_run()
    assert invoke("runs").stdout.splitlines()[0].split() == [*WIDE]


def test_compare_marks_the_best_and_gives_differences_under_short_names(invoke, make_run):
    first, second = make_run(scores=(4.0,)), make_run(scores=(3.0,))
    done = invoke("compare", first.id, second.id)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FD · digits-cnn [1]")]
    assert "★ 3 (-1)" in line and line.split()[4] == "4"
    assert "[1] fid (fid · digits-cnn@1a2b3c4d" in done.stderr


def test_signals_of_health_come_last_in_a_comparison(invoke, make_run):
    first, second = make_run(), make_run()
    for run in (first, second):
        writer = EventWriter(run.events_path(1))
        writer.emit("metrics", step=3, images=192, values={"health/recall": 0.5, "lr": 1e-5, "loss": 0.3})
        writer.close()
    lines = [line.split() for line in invoke("compare", first.id, second.id).stdout.splitlines()]
    assert [line[1] for line in lines if line and line[0] == "last"] == [
        "loss",
        "images_per_s",
        "lr",
        "health/recall",
    ]
    assert ["last", "lr", "1e-5", "1e-5"] in lines


def test_tags_notes_and_names_are_printed_where_none_is_given(invoke, make_run):
    run = make_run(name="first")
    assert invoke("tag", run.id).stdout == invoke("note", run.id).stdout == ""
    invoke("tag", run.id, "+good", "+baseline")
    invoke("note", run.id, "It works.\nVery well.")
    assert invoke("tag", run.id).stdout.split() == ["good", "baseline"]
    assert invoke("note", run.id).stdout == "It works.\nVery well.\n"
    assert invoke("rename", run.id).stdout == "first\n"
    assert "note    It works. …" in invoke("show", run.id).stdout.splitlines()


def test_the_queue_is_listed(invoke, make_run):
    assert "nothing is queued" in invoke("queue").stderr
    waiting = [make_run(status="queued", name=name).id for name in ("one", "two")]
    lines = invoke("queue").stdout.splitlines()
    assert lines[0].split() == ["PLACE", "JOB", "DEVICE", "KIND", "NAME"]
    assert {line.split()[1] for line in lines[1:]} == {*waiting}
    assert invoke("queue", "--first").exit_code == 2


def test_a_run_is_found_by_a_unique_beginning_of_its_name(invoke, make_run):
    make_run(name="baseline of today")
    other = make_run(name="second")
    assert other.id in invoke("show", "sec").stdout
    make_run(name="baseline of yesterday")
    assert "matches 2 runs" in invoke("show", "base").stderr
    assert invoke("show", "baseline of t").exit_code == 0


def test_the_newest_samples_come_first_and_paths_are_short(invoke, make_run):
    run = make_run()
    lines = invoke("show", run.id).stdout.splitlines()
    at = lines.index("samples, the newest first")
    assert lines[at + 1] == "  samples/000003.png"


def test_an_export_is_of_the_runs_that_match(invoke, make_run):
    wanted, other = make_run(name="wanted", scores=(3.0,)), make_run(name="other", scores=(4.0,))
    text = invoke("export", "--filter", "wanted").stdout
    assert wanted.id in text and other.id not in text and "cats-vae" not in text
    assert invoke("export", "--filter", "optim.lr>fast").exit_code == 2


def test_a_data_set_is_explained(invoke):
    lines = invoke("data", "digits").stdout.splitlines()
    assert lines[0].startswith("data       digits: ") and "state      embedded" in lines
    assert any(line.startswith("recipes") and "digits-unet" in line for line in lines)
    assert invoke("data", "celeba").stdout.count("get it") == 1
    assert invoke("data", "frobnicate").exit_code == 2


def test_a_mistake_is_blamed_on_the_option_that_made_it(tmp_path):
    with pytest.raises(RecipeError) as told:
        load("digits-unet", ["sample.sampler=direct"])
    (problem,) = told.value.problems
    assert problem.where == "-o sample.sampler=direct" and problem.key == "sample.steps"
    assert "digits-unet.toml:" in problem.hint
    text = load("digits-unet").to_toml().replace("steps = 10\n", 'steps = "many"\n')
    with pytest.raises(RecipeError) as own:
        loads(text, "mine.toml", ["optim.lr=1e-3"])
    assert own.value.problems[0].where.startswith("mine.toml:"), "what a file states wrongly is its own mistake"


def test_doctor_says_each_thing_as_it_finds_it_and_ends_with_a_summary(invoke, home, monkeypatch):
    from gentui.cli import doctor

    first = next(doctor.examine(home))
    assert first.name == "python", "nothing waits for the slow checks"
    text = invoke("doctor").stdout
    assert "can train: yes" in text and "inception missing: published FIDs cannot be repeated" in text
    monkeypatch.setattr(
        doctor, "_disk", lambda home: doctor.Check("disk", False, "full, 0 GiB free", "delete runs")
    )
    done = invoke("doctor")
    assert (
        done.exit_code == 4
        and "can train: no, because of disk" in done.stdout
        and "disk: delete runs" in done.stderr
    )
