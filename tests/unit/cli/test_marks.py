"""``tag``, ``note``, ``rename``, ``restore``, ``rm --now``, ``queue``, ``runs --filter``."""

from __future__ import annotations

import json

from gentui.jobs import trash


def test_tags_notes_and_names(invoke, make_run, home):
    run = make_run(name="first")
    assert invoke("tag", run.id, "+good", "late", "-never").stdout == "good\nlate\n"
    assert invoke("tag", "first", "-late").stdout == "good\n"
    assert invoke("note", run.id, "lines blur\nafter step 2").exit_code == 0
    assert invoke("rename", run.id, "second").stdout == f"{run.id}\n"
    (row,) = json.loads(invoke("runs", "--json").stdout)
    assert (row["name"], row["tags"], row["notes"]) == ("second", ["good"], "lines blur\nafter step 2")
    shown = invoke("show", "second").stdout
    assert "tags    good" in shown and "  lines blur\n  after step 2" in shown
    assert "good" in invoke("runs").stdout
    refused = invoke("tag", run.id, "+a,b")
    assert refused.exit_code == 4 and "cannot be a tag" in refused.stderr
    assert invoke("tag", "nope", "x").exit_code == 3


def test_the_report_has_the_notes_and_room_for_more(invoke, make_run, tmp_path):
    run = make_run()
    invoke("note", run.id, "fives <b>blur</b>")
    assert invoke("report", run.id, "-o", str(tmp_path / "r")).exit_code == 0
    page = (tmp_path / "r" / "index.html").read_text()
    assert "<p contenteditable>fives &lt;b&gt;blur&lt;/b&gt;</p>" in page
    assert "fives" in (tmp_path / "r" / "report.md").read_text()


def test_a_filter_chooses_runs(invoke, make_run):
    good, bad = make_run(scores=(9.0, 3.0)), make_run("photos-dcgan", status="failed")
    ids = lambda *args: [row["id"] for row in json.loads(invoke("runs", "--json", *args).stdout)]  # noqa: E731
    assert ids("--filter", "fid<4") == [good.id]
    assert ids("--filter", "-fid<4") == [bad.id]
    assert ids("--filter", "status:failed family:gan") == [bad.id]
    assert ids("--filter", "method.name:diffusion optim.lr>1e-9") in ([good.id], [])
    assert ids("--filter", "nothing") == []
    wrong = invoke("runs", "--filter", "fidd<4")
    assert wrong.exit_code == 2 and "did you mean fid?" in wrong.stderr
    none = invoke("runs", "--filter", "nothing")
    assert none.stdout == "" and "no runs that match" in none.stderr


def test_removed_runs_are_brought_back(invoke, make_run, home):
    run = make_run()
    removed = invoke("rm", run.id)
    assert removed.stdout == f"{run.id}\n" and f"`gentui restore {run.id}`" in removed.stderr
    assert invoke("runs", "--json").stdout.strip() == "[]"
    assert run.id in invoke("restore").stdout
    assert invoke("restore", run.id[:-2]).stdout == f"{run.id}\n"
    assert len(json.loads(invoke("runs", "--json").stdout)) == 1
    assert "the trash is empty" in invoke("restore").stderr
    assert invoke("restore", "nope").exit_code == 4


def test_rm_now_deletes_for_good_and_trash_empty_asks_before_it_does(invoke, make_run, home):
    one, two = make_run(), make_run()
    invoke("rm", one.id)
    assert invoke("rm", "--now", two.id).exit_code == 0
    assert [t.id for t in trash.trashed(home)] == [one.id]
    for words in (["rm"], ["rm", "--now"]):
        refused = invoke(*words)
        assert refused.exit_code == 2 and "`gentui trash empty`" in refused.stderr, (
            "an empty variable deletes nothing"
        )
    unasked = invoke("trash", "empty")
    assert unasked.exit_code == 2 and "1 run may be deleted for good: add --yes" in unasked.stderr
    assert [t.id for t in trash.trashed(home)] == [one.id] and one.id in invoke("trash").stdout
    assert "1 run in the trash was deleted" in invoke("trash", "empty", "--yes").stderr
    assert trash.trashed(home) == [] and "the trash is empty" in invoke("trash", "empty").stderr


def test_the_queue_command_wants_to_know_where(invoke, make_run):
    run = make_run()
    assert invoke("queue", run.id).exit_code == 2
    refused = invoke("queue", run.id, "--first")
    assert refused.exit_code == 4 and "only a queued job can be moved" in refused.stderr
