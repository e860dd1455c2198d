"""Log directories of TensorBoard: restarts replace what TensorBoard hides, and links are followed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from gentui.imports import importer
from gentui.imports.discovery import LEADS_NOWHERE, LEADS_UP, find
from gentui.imports.log_entries import Skips, Unusable
from tests.support.logs import followed, points_of

A_REPLACED = "values of an attempt that a restart replaces"
NEW = ".new"  # ends the name of a file that is being written
_files = itertools.count()


def log(
    folder: Path, steps: Iterable[int], base: float = 0, tag: str = "loss", purge: int | None = None
) -> Path:
    """One attempt's event file; ``purge``: as ``SummaryWriter(purge_step=...)`` of PyTorch begins it."""
    writer = EventFileWriter(str(folder), filename_suffix=NEW)
    if purge is not None:
        writer.add_event(Event(step=purge, file_version="brain.Event:2"))
        writer.add_event(Event(step=purge, session_log=SessionLog(status=SessionLog.START)))
    for step in steps:
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=base + step)])
        writer.add_event(Event(step=step, wall_time=1.6e9, summary=summary))
    writer.close()
    return put_last(folder)


def put_last(folder: Path) -> Path:
    """Give the file that was written last a name that sorts behind the earlier ones.

    Names begin with the second, and those of one second go on with a count that is not padded: 10 sorts before 9.
    """
    (file,) = folder.glob(f"*{NEW}")
    return file.rename(folder / f"events.out.tfevents.{next(_files):010d}")


def taken(home: Path, path: Path):
    (opener,) = find(str(path))
    return importer.take(home, opener, "")


def losses(writer) -> dict[int, float]:
    return {step: values["loss"] for step, values in points_of(writer).items() if "loss" in values}


def test_a_restart_with_purge_step_replaces_the_abandoned_steps(home, tmp_path):
    """Written by PyTorch's own SummaryWriter, which most people have."""
    from torch.utils.tensorboard import SummaryWriter

    folder = tmp_path / "run"
    with SummaryWriter(str(folder), filename_suffix=NEW) as first:
        for step in range(10):
            first.add_scalar("loss", step, step)
    put_last(folder)
    with SummaryWriter(str(folder), filename_suffix=NEW, purge_step=5) as second:
        for step in (5, 6):
            second.add_scalar("loss", 100 + step, step)
    put_last(folder)
    writer = taken(home, folder)
    assert losses(writer) == {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 105, 6: 106}
    assert writer.recorder.skipped == {A_REPLACED: 5}
    assert writer.recorder.skipped.examples[A_REPLACED].startswith("loss at step 5 in events.out.tfevents.")


def test_a_restart_without_purge_step_replaces_from_its_first_step_as_tensorboard_shows_it(home, tmp_path):
    log(tmp_path / "run", range(0, 100, 10))
    log(tmp_path / "run", range(55, 75, 10), base=100)
    assert losses(taken(home, tmp_path / "run")) == {
        0: 0,
        10: 10,
        20: 20,
        30: 30,
        40: 40,
        50: 50,
        55: 155,
        65: 165,
    }


def test_a_purge_hides_every_tag_from_its_step_on_and_another_tag_hides_nothing(home, tmp_path):
    folder = tmp_path / "run"
    log(folder, range(10))
    log(folder, range(10), tag="other")
    log(folder, [8, 9], base=100, purge=5)
    writer = taken(home, folder)
    assert points_of(writer) == {
        **{step: {"loss": step, "other": step} for step in range(5)}, 8: {"loss": 108}, 9: {"loss": 109},
    }  # fmt: skip
    assert writer.recorder.skipped == {A_REPLACED: 10}


def test_a_start_within_a_file_hides_what_stands_before_it_unless_it_is_the_first(home, tmp_path):
    writer = EventFileWriter(str(tmp_path / "run"))
    for step, value in ((0, 1), (1, 2), (None, 0), (2, 3), (3, 4), (None, 2), (3, 5)):
        if step is None:
            writer.add_event(Event(step=value, session_log=SessionLog(status=SessionLog.START)))
        else:
            summary = Summary(value=[Summary.Value(tag="loss", simple_value=value)])
            writer.add_event(Event(step=step, summary=summary))
    writer.close()
    assert losses(taken(home, tmp_path / "run")) == {0: 1, 1: 2, 3: 5}


def test_steps_out_of_order_within_a_file_are_kept_and_repeated_ones_counted(home, tmp_path):
    log(tmp_path / "run", [1, 3, 2, 4, 4])
    writer = taken(home, tmp_path / "run")
    assert losses(writer) == {1: 1, 2: 2, 3: 3, 4: 4}
    assert writer.recorder.skipped == {"values that a later one of the same step replaces": 1}


def test_a_restart_while_the_run_is_followed_replaces_too(home, tmp_path):
    folder = tmp_path / "run"
    log(folder, range(10))
    writer = followed(
        home, folder, lambda: log(folder, [7, 8], base=100), lambda: log(folder, [3], base=200, purge=3)
    )
    found = losses(writer), writer.recorder.skipped
    assert found[0] == {0: 0, 1: 1, 2: 2, 3: 203}
    again = taken(home, folder)
    assert again.run.id == writer.run.id and found == (losses(again), again.recorder.skipped)


def test_pictures_of_an_abandoned_attempt_are_left_out(home, tmp_path):
    folder = tmp_path / "run"
    for steps, colour in ((range(4), b"a"), ([2], b"b")):
        writer = EventFileWriter(str(folder), filename_suffix=NEW)
        for step in steps:
            image = Summary.Image(encoded_image_string=b"\x89PNG\r\n\x1a\n" + colour + bytes([step]))
            writer.add_event(Event(step=step, summary=Summary(value=[Summary.Value(tag="drawn", image=image)])))
        writer.close()
        put_last(folder)
    writer = taken(home, folder)
    pictures = sorted(path.read_bytes()[8:] for path in writer.run.samples.iterdir())
    assert pictures == [b"a\x00", b"a\x01", b"b\x02"] and writer.recorder.skipped == {A_REPLACED: 2}


# -- links -------------------------------------------------------------------------------------


@pytest.fixture
def runs(tmp_path) -> Path:
    """Three runs, of which ``chosen`` links to two."""
    for number, name in enumerate("abc"):
        log(tmp_path / "all" / name, [number])
    (tmp_path / "chosen").mkdir()
    for name in "ac":
        (tmp_path / "chosen" / name).symlink_to(tmp_path / "all" / name)
    return tmp_path


def found(path: Path) -> tuple[list[str], Skips]:
    """Names of the runs at a path, and what was left out."""
    skipped = Skips()
    return [opener.args[1] for opener in find(str(path), skipped.add)], skipped


def test_a_tree_of_links_is_the_runs_that_they_lead_to(invoke, runs):
    done = invoke("import", str(runs / "chosen"), "--json")
    rows = json.loads(done.stdout)
    assert [(row["name"], row["path"]) for row in rows] == [
        ("chosen/a", str(runs / "all" / "a")), ("chosen/c", str(runs / "all" / "c")),
    ]  # fmt: skip
    again = json.loads(invoke("import", str(runs / "all"), "--json").stdout)
    assert len({row["id"] for row in rows + again}) == 3, "a run by a link is the same run"


def test_each_directory_is_a_run_once_by_whichever_path(runs):
    (runs / "all" / "d").symlink_to(runs / "all" / "a")
    (runs / "all" / "e").symlink_to(runs / "chosen")
    (runs / "all" / "b" / "again").symlink_to("../b")
    assert found(runs / "all") == (["all/a", "all/b", "all/c"], {})
    (runs / "chosen" / "x").symlink_to("a")
    assert found(runs / "chosen") == (["chosen/a", "chosen/c"], {})


def test_links_that_lead_nowhere_or_up_are_counted_and_said(invoke, runs):
    for name, target in (("gone", "nothing"), ("loop", "loop"), ("up", ".."), ("f.txt", "missing.txt")):
        (runs / "chosen" / name).symlink_to(target)
    (runs / "all" / "a" / "away").symlink_to(runs)
    names, skipped = found(runs / "chosen")
    assert names == ["chosen/a", "chosen/c"] and skipped == {LEADS_NOWHERE: 3, LEADS_UP: 2}
    done = invoke("import", str(runs / "chosen"))
    assert done.exit_code == 0 and f"{LEADS_NOWHERE} (3; {runs}/chosen/f.txt)" in done.stderr


def test_a_link_to_more_folders_than_are_searched_costs_nothing_but_itself(runs, monkeypatch):
    monkeypatch.setattr("gentui.imports.discovery._MOST_FOLDERS", 5)
    for number in range(9):
        (runs / "data" / str(number)).mkdir(parents=True)
    (runs / "chosen" / "data").symlink_to(runs / "data")
    names, skipped = found(runs / "chosen")
    assert names == ["chosen/a", "chosen/c"] and list(skipped.values()) == [1]


def test_event_files_by_links_are_read_once_each(home, runs):
    (file,) = (runs / "all" / "a").iterdir()
    folder = runs / "linked"
    folder.mkdir()
    (folder / "events.out.tfevents.0").symlink_to(file)
    (folder / "events.out.tfevents.00").symlink_to(file)
    log(folder, [7])
    writer = taken(home, folder)
    assert losses(writer) == {0: 0, 7: 7} and not writer.recorder.skipped


def test_links_to_runs_of_wandb_are_followed_once_each(runs):
    from tests.support.logs import WandbFile

    real = WandbFile(runs / "project" / "wandb" / "run-1", "run-one")
    (real.path.parent.parent / "latest-run").symlink_to("run-1")
    (runs / "picked").mkdir()
    (runs / "picked" / "mine").symlink_to(real.path.parent)
    (runs / "picked" / "gone").symlink_to("nothing")
    for folder in ("project", "project/wandb", "picked"):
        skipped = Skips()
        (opener,) = find(str(runs / folder), skipped.add)
        assert opener.args == (real.path,) and skipped == ({LEADS_NOWHERE: 1} if folder == "picked" else {})


def test_a_folder_of_links_to_nothing_says_so(invoke, tmp_path):
    (tmp_path / "chosen").mkdir()
    (tmp_path / "chosen" / "a").symlink_to("nothing")
    with pytest.raises(Unusable):
        find(str(tmp_path / "chosen"))
    done = invoke("import", str(tmp_path / "chosen"))
    assert done.exit_code == 2 and LEADS_NOWHERE in done.stderr and done.stderr.count("\n") == 1
