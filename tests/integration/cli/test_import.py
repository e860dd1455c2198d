"""``gentui import``: what other scripts logged becomes runs that everything works on."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import stat
from pathlib import Path

import pytest

from engine.runs.directory import RunDir
from gentui.imports import importer
from tests.support.logs import TENSORBOARD, WANDB, WandbFile, events_of, ran, values_of


@pytest.fixture(scope="module")
def logged(tmp_path_factory) -> Path:
    """A folder with a finished run of wandb, one that failed, and a log directory of TensorBoard."""
    folder = tmp_path_factory.mktemp("logged")
    ran(WANDB, folder / "good")
    ran(WANDB, folder / "bad", "3")
    ran(TENSORBOARD, folder / "boards", str(folder / "boards" / "tb"))
    return folder


@pytest.fixture
def wandb_run(logged: Path, tmp_path: Path) -> Path:
    """A copy of the finished run's directory."""
    (found,) = (logged / "good" / "wandb").glob("offline-run-*")
    return Path(shutil.copytree(found, tmp_path / "wandb" / found.name))


@pytest.fixture
def imported(invoke):
    """Imports and returns what ``--json`` says, and what was told."""

    def call(*arguments: str, code: int = 0) -> list[dict]:
        done = invoke("import", "--json", *arguments)
        assert done.exit_code == code, done.stderr
        return json.loads(done.stdout)

    return call


@pytest.fixture
def shown(invoke):
    return lambda run: json.loads(invoke("show", run, "--json").stdout)


def test_a_run_of_wandb_is_taken_over_whole(imported, shown, invoke, wandb_run, home):
    (told,) = imported(str(wandb_run))
    assert told["status"] == "done" and told["from"] == "wandb" and told["samples"] == 4
    assert told["name"] == "first try" and told["points"] == 4 * 200 + 2
    run = shown(told["id"])
    assert run["status"] == "done" and run["step"] == 201 and 0 < run["seconds"] < 300
    assert run["family"] == "imported" and run["tags"] == ["a", "two-words"] and run["notes"] == "two\nlines"
    assert (
        run["metrics"]["loss"] == 1 / 200
        and run["metrics"]["nested.a"] == 199
        and run["metrics"]["best"] == 0.5
    )
    assert run["seed"] == 5
    assert "memory_percent" in run["machine"]
    folder = home / "runs" / told["id"]
    logged = values_of(folder)
    assert [logged[step]["loss"] for step in range(200)] == [1 / (step + 1) for step in range(200)]
    assert math.isnan(logged[3]["nested.b"]) and logged[201]["inf"] == math.inf
    pictures = [Path(path).read_bytes() for path in run["samples"]]
    assert sorted(pictures) == sorted(path.read_bytes() for path in wandb_run.glob("files/media/images/*.png"))
    assert {event["caption"] for event in events_of(folder, "sample")} == {
        "img: one",
        "imgs: c1",
        "imgs: c2",
        "imgs: c3",
    }
    assert "step 7 is done\nstep 8 is done" in invoke("logs", told["id"]).stdout
    state, info = RunDir(folder).read_state(), RunDir(folder).info()
    assert state.exit_code == 0 and state.ended_at is not None and state.started_at == info["created_at"]
    assert state.started_at < state.ended_at < info["imported"]["at"]
    assert " processor" in info["machine"] and " GiB" in info["machine"]
    assert {"wandb", "python", "system"} <= {*info["versions"]}


def test_its_settings_are_filtered_and_compared(imported, invoke, wandb_run, logged):
    (first,) = imported(str(wandb_run))
    (second,) = imported(str(logged / "boards" / "tb" / "one" / "hp"))
    found = json.loads(invoke("runs", "--json", "--filter", "config.lr<=1e-3 config.model.width=64").stdout)
    assert [run["id"] for run in found] == [first["id"]]
    compared = json.loads(invoke("compare", first["id"], second["id"], "--json").stdout)
    assert compared["settings"]["config.lr"] == [1e-3, 0.1]
    assert compared["settings"]["config.late"] == [True, None]


def test_exports_and_reports_have_it(imported, invoke, wandb_run, tmp_path):
    (told,) = imported(str(wandb_run))
    rows = list(csv.DictReader(io.StringIO(invoke("export", "-f", "csv").stdout)))
    assert [(row["run"], row["name"], row["step"]) for row in rows] == [(told["id"], "first try", "201")]
    done = invoke("report", told["id"], "-o", str(tmp_path / "report"))
    assert done.exit_code == 0, done.stderr
    assert "config.model.width" in (tmp_path / "report" / "index.html").read_text()


def test_a_script_that_failed_says_why(imported, shown, logged):
    (told,) = imported(str(logged / "bad"))
    assert told["status"] == "failed"
    run = shown(told["id"])
    assert run["status"] == "failed" and run["reason"] == "ValueError: no such thing (exit code 3)"


def test_a_log_without_an_end_is_of_an_interrupted_run(imported, shown, wandb_run):
    (log,) = wandb_run.glob("*.wandb")
    log.write_bytes(log.read_bytes()[:-40])
    (told,) = imported(str(log))
    run = shown(told["id"])
    assert run["status"] == "interrupted" and "--follow" in run["reason"]
    assert run["metrics"]["loss"] == 1 / 200


def test_the_same_log_again_updates_the_same_run(imported, shown, invoke, home, tmp_path):
    log = WandbFile(tmp_path / "r")
    log.add(run={"run_id": "x", "display_name": "from wandb"})
    log.log(1, loss=1.0)
    (first,) = imported(str(log.path))
    invoke("tag", first["id"], "mine")
    log.log(2, loss=0.5)
    log.add(exit={"exit_code": 0})
    (second,) = imported(str(log.path.parent), "--name", "better")
    assert second["id"] == first["id"] and second["points"] == 2
    run = shown(first["id"])
    assert (run["status"], run["step"], run["name"], run["tags"]) == ("done", 2, "better", ["mine"])
    assert [attempt for attempt, _ in RunDir(home / "runs" / first["id"]).events_files()] == [2]
    (third,) = imported(str(log.path))
    assert third["name"] == "better" and len(list((home / "runs").iterdir())) == 1
    invoke("rename", first["id"], "mine again")
    imported(str(log.path))
    assert shown(first["id"])["name"] == "mine again"


def test_two_machines_with_one_home_do_not_import_at_once(imported, home, wandb_run, monkeypatch):
    monkeypatch.setattr(importer, "is_shared", lambda path: True)
    lock, seen = home / ".import.hosts-lock", []
    publish = importer.RunWriter.publish
    monkeypatch.setattr(
        importer.RunWriter, "publish", lambda self: (seen.append(lock.exists()), publish(self))[1]
    )
    imported(str(wandb_run))
    assert seen == [True] and not lock.exists()


def test_all_is_private_and_nothing_is_left_beside(imported, wandb_run, home):
    (told,) = imported(str(wandb_run))
    imported(str(wandb_run))
    for path in (home / "runs").rglob("*"):
        assert stat.S_IMODE(path.lstat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert not [path for path in (home / "runs").rglob(".*")]
    names = {path.name for path in (home / "runs" / told["id"]).iterdir() if path.is_file()}
    assert names == {"events-2.jsonl", "lock", "log.txt", "marks.json", "recipe.toml", "run.json", "state.json"}


def test_logs_of_older_versions_of_wandb_are_read(imported, shown, invoke, home, tmp_path):
    log = WandbFile(tmp_path / "r")
    log.files.mkdir()
    (log.files / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    image = json.dumps({"_type": "image-file", "path": "a.png"})
    items = {
        "_step": "7",
        "_runtime": "1.5",
        "loss": "1",
        "deep": '{"a": {"b": 2}}',
        "img": image,
        "odd": '"NaN"',
    }
    log.add(history={"item": [{"key": key, "value_json": value} for key, value in items.items()]})
    log.add(output={"line": "printed\n"})
    log.add(exit={"exit_code": 255})
    (told,) = imported(str(log.path))
    values = values_of(home / "runs" / told["id"])[7]
    assert math.isnan(values.pop("odd")) and values == {"loss": 1.0, "deep.a.b": 2.0}
    run = shown(told["id"])
    assert (run["status"], run["name"], len(run["samples"])) == ("failed", "run-made", 1)
    assert invoke("logs", told["id"]).stdout == "printed\n"


def test_a_folder_of_wandb_is_all_its_runs(imported, invoke, logged, tmp_path):
    for kind in ("good", "bad"):
        (found,) = (logged / kind / "wandb").glob("offline-run-*")
        shutil.copytree(found, tmp_path / "project" / "wandb" / found.name)
    (tmp_path / "project" / "wandb" / "latest-run").symlink_to(found.name)
    for path in ("project", "project/wandb"):
        assert sorted(told["status"] for told in imported(str(tmp_path / path))) == ["done", "failed"]
    assert len(imported(str(tmp_path / "project" / "wandb" / "latest-run"))) == 1
    assert len(json.loads(invoke("runs", "--json").stdout)) == 2
    refused = invoke("import", str(tmp_path / "project"), "--name", "x")
    assert refused.exit_code == 2 and "--name is for one run, not for 2" in refused.stderr


def test_each_directory_of_event_files_is_a_run(imported, shown, invoke, logged, home):
    told = imported(str(logged / "boards" / "tb"))
    assert [run["name"] for run in told] == ["tb/one", "tb/one/hp", "tb/two/deep"]
    one = shown(told[0]["id"])
    assert one["status"] == "done" and one["step"] == 99 and one["metrics"]["acc/val"] == pytest.approx(0.99)
    folder = home / "runs" / one["id"]
    logged_values = values_of(folder)
    assert math.isnan(logged_values[4]["loss"]) and logged_values[99]["loss"] == pytest.approx(0.01)
    assert len(logged_values) == 100
    (picture,) = one["samples"]
    assert Path(picture).read_bytes().startswith(b"\x89PNG")
    assert "note/text_summary: hello" in invoke("logs", one["id"]).stdout
    hp, deep = (shown(run["id"]) for run in told[1:])
    assert 'opt = "adam"' in hp["recipe_toml"] and "lr = 0.1" in hp["recipe_toml"]
    assert deep["metrics"] == {"loss": 2.0}
    (again,) = imported(str(logged / "boards" / "tb" / "two" / "deep"))
    assert again["id"] == deep["id"]


def test_tables_have_steps_or_their_lines(imported, home, tmp_path):
    (tmp_path / "lightning.csv").write_text(
        "epoch,step,train_loss,val_loss\n0,10,0.5,\n0,20,nan,\n0,20,,0.7\n1,30,inf,0.1\n"
    )
    (tmp_path / "plain.csv").write_text("\ufeffloss;note\n0.5;hello\n\n0.25;\n0.1;0.3;7\n")
    (with_steps, plain) = imported(str(tmp_path / "lightning.csv"), str(tmp_path / "plain.csv"))
    values = values_of(home / "runs" / with_steps["id"])
    assert values[20]["val_loss"] == 0.7 and math.isnan(values[20]["train_loss"])
    assert values[30] == {"epoch": 1.0, "train_loss": math.inf, "val_loss": 0.1} and values.keys() == {
        10,
        20,
        30,
    }
    assert values_of(home / "runs" / plain["id"]) == {1: {"loss": 0.5}, 2: {"loss": 0.25}}


def test_json_lines_may_be_nested_and_say_when(imported, home, tmp_path):
    lines = [
        '{"iter": 5, "train": {"loss": 1}, "ok": true, "x": null}',
        '{"loss": "NaN", "_timestamp": 1700000000}',
        "[1]",
    ]
    (tmp_path / "m.jsonl").write_text("\n".join([*lines, '{"iter": 7, "loss": 2}']))
    (told,) = imported(str(tmp_path / "m.jsonl"))
    first, second = events_of(home / "runs" / told["id"], "metrics")
    assert math.isnan(first["values"].pop("loss")) and first["t"] == 1700000000
    assert (first["step"], first["values"]) == (5, {"train.loss": 1.0, "ok": 1.0})
    assert (second["step"], second["values"]) == (7, {"loss": 2.0})


def test_any_script_can_be_piped_in(gentui, home):
    text = 'starting\n{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\nbye'
    done = gentui("import", "-", "--name", "mine", input=text)
    assert done.returncode == 0, done.stderr
    run = json.loads(gentui("show", done.stdout.strip(), "--json").stdout)
    assert (run["name"], run["status"], run["step"], run["metrics"]["loss"]) == ("mine", "done", 2, 0.25)
    assert gentui("logs", run["id"]).stdout == "starting\nbye\n"
    again = gentui("import", "-", "--name", "mine", input=text)
    assert again.stdout != done.stdout and len(list((home / "runs").iterdir())) == 2


def test_what_cannot_be_done_to_it_is_said_and_changes_nothing(imported, gentui, home, tmp_path):
    log = WandbFile(tmp_path / "r")
    log.log(1, loss=1.0)
    (told,) = imported(str(log.path))
    folder = home / "runs" / told["id"]
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for command in (["resume"], ["sample", "-o", str(tmp_path / "x.png")], ["evaluate"], ["evaluate", "--now"]):
        done = gentui(command[0], told["id"], *command[1:])
        assert done.returncode == 4, command
        assert f"run {told['id']} was imported from wandb: it has no recipe or checkpoint" in done.stderr
        assert "Traceback" not in done.stderr
    stopped = gentui("stop", told["id"])
    assert stopped.returncode == 0 and "has ended already: interrupted" in stopped.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert not list((home / "evaluations").glob("*"))


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("absent.csv", None, 3, "there is nothing at"),
        ("notes.txt", "hello", 2, "can be imported: it should be a run or folder of wandb"),
        ("numbers.csv", "1,2\n3,4\n", 2, "line 1 of"),
        ("empty.csv", "", 2, "contains no numbers"),
        ("texts.csv", "a,b\nx,y\n", 2, "contains no numbers"),
        ("prose.jsonl", "it was a dark night\n", 2, "contains no numbers"),
        ("other.wandb", "some text", 2, "is not a transaction log of wandb"),
        ("events.out.tfevents.1", "some text that is long enough", 2, "contains no numbers"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(gentui, home, tmp_path, name, content, code, words):
    if content is not None:
        (tmp_path / name).write_text(content)
    done = gentui("import", str(tmp_path / name))
    assert done.returncode == code, done.stderr
    assert words in done.stderr and done.stderr.count("\n") == 1 and not done.stdout
    assert not list((home / "runs").glob("*"))


def test_one_that_cannot_be_read_keeps_nothing_from_the_others(invoke, tmp_path):
    (tmp_path / "a.csv").write_text("")
    (tmp_path / "b.csv").write_text("loss\n1\n")
    done = invoke("import", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"))
    assert done.exit_code == 2 and len(done.stdout.split()) == 1


@pytest.mark.parametrize(
    ("package", "name"), [("wandb", "run-x.wandb"), ("tensorboard", "events.out.tfevents.1")]
)
def test_a_missing_library_is_one_sentence_with_its_command(invoke, monkeypatch, tmp_path, package, name):
    import sys

    for module in [module for module in sys.modules if module.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / name).write_bytes(b":W&B\xe1\xbe\x00")
    done = invoke("import", str(tmp_path / name))
    assert done.exit_code == 4 and f"`pip install {package}`" in done.stderr and done.stderr.count("\n") == 1
