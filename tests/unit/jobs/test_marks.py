"""Names, tags and notes; the trash; the order of the queue."""

from __future__ import annotations

import json
import os
import threading
import time

import pytest

from engine.runs.directory import RunDir, State
from gentui import jobs
from gentui.index import Index
from gentui.jobs import annotations, trash
from gentui.jobs.launching import sweep
from gentui.jobs.states import queue


@pytest.fixture
def made(home):
    def make(status: str = "done", **fields) -> RunDir:
        info = {"name": "as launched", "recipe": "digits-unet", "dataset": "digits"}
        state = State(status=status, **fields)  # type: ignore[arg-type]
        return RunDir.create(home, 'name = "digits-unet"\n[optim]\nlr = 0.001\n', info, state)

    return make


def row(home, run):
    index = Index(home)
    index.refresh(wait=5.0)
    return index.run(run.id)


def test_marks_reach_the_index_and_survive_a_rebuild(home, made):
    run = made()
    assert (row(home, run).name, row(home, run).tags, row(home, run).notes) == ("as launched", [], "")
    jobs.tag(home, run.id, ["good", "try-2"])
    jobs.tag(home, run.id, ["good", "late"], ["try-2", "never-there"])
    jobs.note(home, run.id, "first line\nsecond line\n")
    jobs.rename(home, run.id, "a better name")
    for _ in range(2):
        found = row(home, run)
        assert (found.name, found.tags, found.notes) == (
            "a better name",
            ["good", "late"],
            "first line\nsecond line",
        )
        assert found.settings == {"optim.lr": 0.001}
        Index(home).rebuild()
    assert Index(home).find("a better name") == run.id
    jobs.rename(home, run.id, "")
    assert row(home, run).name == ""
    assert run.info()["name"] == "as launched"  # what was launched stays


def test_tags_given_at_once_are_all_kept(home, made):
    run = made()
    threads = [threading.Thread(target=jobs.tag, args=(home, run.id, [f"t{i}"])) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(annotations.read(run).tags) == {f"t{i}" for i in range(20)}


@pytest.mark.parametrize(
    "bad", ["", "two words", "a,b", 'a"b', "a|b", "x" * 61, "a\x1b[2J", "\u202eabc", "+", "-"]
)
def test_what_cannot_be_a_tag_is_refused_with_a_sentence(home, made, bad):
    run = made()
    with pytest.raises(jobs.JobError, match="cannot be a tag: one word"):
        jobs.tag(home, run.id, ["fine", bad])
    assert annotations.read(run).tags == ()


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"tags": 5, "notes": [], "name": {}}', '{"tags": [1, "a b", "\\u001b[2J"]}', "\xff"],
)
def test_broken_marks_are_no_marks(home, made, content):
    run = made()
    (run.path / annotations.FILE).write_text(content)
    found = row(home, run)
    assert (found.name, found.tags, found.notes) == ("as launched", [], "")
    assert annotations.read(run).notes == ""
    jobs.tag(home, run.id, ["x"])
    assert row(home, run).tags == ["x"]


def test_hostile_marks_are_cleaned(home, made):
    run = made()
    raw = {"name": "a\x1b]52;c;x\x07b", "tags": ["[/", "\x1b[31mred"], "notes": "one\x1b[2J\n\u202etwo\ud800"}
    (run.path / annotations.FILE).write_text(json.dumps(raw))
    found = row(home, run)
    assert found.name == "ab" and found.notes == "one\ntwo\ufffd"
    assert found.tags == ["[/", "red"]


def test_a_removed_run_comes_back_whole(home, made):
    run = made()
    jobs.tag(home, run.id, ["kept"])
    (run.samples / "a.png").write_bytes(b"x")
    before = {path.relative_to(run.path): path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    jobs.remove(home, run.id)
    assert not run.path.exists() and [t.id for t in trash.trashed(home)] == [run.id]
    index = Index(home)
    index.refresh(wait=5.0)
    assert index.runs() == []
    with pytest.raises(jobs.JobError, match="there is no run"):
        jobs.remove(home, run.id)
    jobs.restore(home, run.id)
    assert {p.relative_to(run.path): p.read_bytes() for p in run.path.rglob("*") if p.is_file()} == before
    assert row(home, run).tags == ["kept"] and trash.trashed(home) == []
    with pytest.raises(jobs.JobError, match=r"there is no run .* in the trash"):
        jobs.restore(home, run.id)


def test_a_run_is_not_restored_over_another(home, made):
    run = made()
    jobs.remove(home, run.id)
    run.path.mkdir()
    with pytest.raises(jobs.JobError, match="a run with this id exists"):
        jobs.restore(home, run.id)
    assert [t.id for t in trash.trashed(home)] == [run.id]


def test_the_trash_is_emptied_after_a_month(home, made):
    old, new = made(), made()
    for run in (old, new):
        jobs.remove(home, run.id)
    long_ago = time.time() - 31 * 86400
    os.utime(home / "trash" / old.id, (long_ago, long_ago))
    sweep(home)
    assert [t.id for t in trash.trashed(home)] == [new.id]
    assert trash.empty(home) == [new.id] and trash.trashed(home) == []


def test_now_is_for_good(home, made):
    run = made()
    jobs.remove(home, run.id, now=True)
    assert not run.path.exists() and trash.trashed(home) == []


def test_the_last_thrown_away_stands_first(home, made):
    first, second = made(), made()
    jobs.remove(home, second.id)
    time.sleep(0.02)
    jobs.remove(home, first.id)
    assert [t.id for t in trash.trashed(home)] == [first.id, second.id]
    assert trash.find_trashed(home, second.id) == second.id
    with pytest.raises(jobs.JobError, match="no run in the trash is called 'nope'"):
        trash.find_trashed(home, "nope")


def test_waiting_runs_change_places(home, made):
    a, b, c = (made("queued", queued_at=1000.0 + n) for n in range(3))
    names = {a.id: "a", b.id: "b", c.id: "c"}

    def order() -> str:
        return "".join(names[job.id] for job, _ in queue(home))

    for run, where, expected in [
        (c, "first", "cab"), (c, "first", "cab"), (a, "last", "cba"), (b, "up", "bca"), (b, "up", "bca"),
        (b, "down", "cba"), (c, "last", "bac"), (b, "down", "abc"), (c, "down", "abc"), (c, "up", "acb"),
    ]:  # fmt: skip
        jobs.reorder(home, run.id, where)  # type: ignore[arg-type]
        assert order() == expected, where


def test_a_run_moves_past_its_neighbours_on_the_same_device_only(home, made):
    mine = made("queued", queued_at=1000.0, slot="cuda:0")
    for n in range(3):
        made("queued", queued_at=1001.0 + n, slot="cuda:1")
    other = made("queued", queued_at=1010.0, slot="cuda:0")
    jobs.reorder(home, other.id, "up")
    order = [job.id for job, _ in queue(home)]
    assert order.index(other.id) < order.index(mine.id)


def test_only_what_waits_has_a_place(home, made):
    with pytest.raises(jobs.JobError, match="is done: only a queued job can be moved"):
        jobs.reorder(home, made("done").id, "first")
