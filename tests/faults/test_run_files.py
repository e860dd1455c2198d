"""Run directories are not trusted: a file in one may be a link to anything, a FIFO, a folder, or endless."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import re
import shlex
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.runs.unpickling import NOT_TENSORS
from engine.training import checkpoint
from gentui.jobs import launching
from tests.support.docs import ROOT
from tests.support.engine import finish, trained, trainer  # noqa: F401 - a fixture
from tests.support.jobs import home, launch, wait_for_status  # noqa: F401 - trainers that only pretend
from tests.support.payloads import PAYLOADS

FILES = ["architecture.txt", "log.txt", "recipe.toml", "run.json", "state.json", "marks.json", "events-1.jsonl"]
READING = [
    ["runs"], ["runs", "--json"], ["show", "{id}"], ["logs", "{id}"], ["logs", "{id}", "-n", "5"], ["leaderboard"],
    ["export", "-o", "-"], ["report", "{id}", "-o", "{out}/report"], ["compare", "{id}", "{other}"],
    ["index", "rebuild"],
    ["tag", "{id}", "+seen"], ["note", "{id}", "seen"], ["rename", "{id}", "seen"], ["runs", "--filter", "loss<1"],
    ["events", "{id}"], ["sample", "{id}", "-o", "{out}/new.png"], ["resume", "{id}"], ["queue"],
    ["queue", "{id}", "--first"],
]  # fmt: skip
SECRET = "what only its owner should read"


def spoil(path: Path, how: str, secret: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    match how:
        case "link":
            path.symlink_to(secret)
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "endless":
            with path.open("wb") as file:
                file.truncate(1 << 40)
        case "device":
            if os.geteuid() != 0:
                pytest.skip("making a device needs root")
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # as /dev/zero, which never ends
        case "socket":
            with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(path.parent):
                listening.bind(path.name)  # the whole path may be too long for one


@pytest.fixture
def secret(tmp_path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    return path


@pytest.mark.parametrize("how", ["link", "fifo", "folder", "endless", "device", "socket"])
@pytest.mark.parametrize("name", FILES)
def test_no_command_follows_a_link_or_waits_on_a_file_of_a_run(
    name, how, make_run, invoke, secret, tmp_path, monkeypatch
):
    monkeypatch.setattr(launching, "ensure_workers", lambda *given: None)  # what a worker does is tested below
    run, other = make_run(status="stopped"), make_run(name="whole")
    spoil(run.path / name, how, secret)
    for arguments in READING:
        done = invoke(*(each.format(id=run.id, other=other.id, out=tmp_path) for each in arguments))
        assert SECRET not in done.output, arguments
        assert done.exit_code in (0, 4), (arguments, done.output)
        assert done.exception is None or isinstance(done.exception, SystemExit), (arguments, done.exception)
    report = tmp_path / "report"
    texts = [path.read_text() for path in report.rglob("*") if path.suffix in (".md", ".html")]
    assert not any(SECRET in text for text in texts)
    assert invoke("show", other.id).exit_code == 0


@pytest.mark.parametrize("how", ["link", "fifo", "endless", "device", "socket"])
def test_a_picture_that_is_no_plain_file_is_not_in_the_report(how, make_run, invoke, secret, tmp_path):
    run = make_run()
    pictures = list(run.samples.glob("*.png"))
    assert pictures
    for path in pictures:
        spoil(path, how, secret)
    assert invoke("report", run.id, "-o", str(tmp_path / "report")).exit_code == 0
    assert not list((tmp_path / "report" / "pictures").glob("*.png"))


@pytest.mark.parametrize("how", ["link", "fifo", "folder", "device", "socket"])
@pytest.mark.parametrize("name", ["log.txt", "events-1.jsonl", "recipe.toml", "lock", "state.json"])
def test_such_a_run_never_holds_up_the_queue(name, how, home, launch, secret):  # noqa: F811
    spoiled, behind = launch(start=False), launch(start=False)
    spoil(spoiled.path / name, how, secret)
    launching.ensure_workers(home)
    assert wait_for_status(behind, "done").exit_code == 0
    assert secret.read_text() == SECRET + "\n"
    if name != "state.json":
        state = wait_for_status(spoiled, "failed")
        assert state.reason


@pytest.mark.parametrize("name", ["checkpoints", "samples", "figures", "events-1.jsonl"])
def test_the_trainer_refuses_to_write_through_a_link(name, launch, tmp_path):  # noqa: F811
    run, elsewhere = launch(start=False), tmp_path / "elsewhere"
    if name.startswith("events"):
        elsewhere.write_text(SECRET)
    else:
        elsewhere.mkdir()
        (run.path / name).rmdir()
    (run.path / name).symlink_to(elsewhere)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "engine", str(run.path), "--attempt", "1", "--device", "cpu"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert f"run {run.id} cannot be trained: {run.path / name}: it is " in done.stderr
    assert elsewhere.read_text() == SECRET if name.startswith("events") else not list(elsewhere.iterdir())


@pytest.mark.parametrize("how", ["link", "fifo", "device", "socket"])
@pytest.mark.parametrize("name", ["state.pt", "net.safetensors"])
def test_a_checkpoint_of_which_a_file_is_no_plain_file_cannot_be_read(name, how, launch, secret):  # noqa: F811
    run = launch(start=False)
    checkpoint.save(run, 1, {"net": {"w": torch.zeros(2)}}, {"step": 1}, ["last"])
    spoil(run.checkpoint("last").resolve() / name, how, secret)
    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.load(run, "last")


@pytest.mark.parametrize("how", ["link", "device"])
def test_nothing_is_drawn_by_a_recipe_that_is_no_plain_file(how, make_run, real_gentui, secret, tmp_path):
    run = make_run()
    run.checkpoint("last").mkdir()
    spoil(run.recipe_path, how, secret)
    done = real_gentui("sample", run.id, "-o", str(tmp_path / "new.png"))
    assert done.returncode in (2, 4) and not (tmp_path / "new.png").exists(), done.stderr
    assert f"{run.recipe_path}" in done.stderr and "Traceback" not in done.stderr and SECRET not in done.stderr


def test_a_checkpoint_behind_a_link_to_another_place_is_none(launch, tmp_path):  # noqa: F811
    run, other = launch(start=False), launch(start=False)
    checkpoint.save(other, 1, {"net": {"w": torch.zeros(2)}}, {"step": 1}, ["last"])
    run.checkpoint("last").symlink_to(other.checkpoint("last").resolve())
    run.checkpoint("best").symlink_to("best")
    assert not checkpoint.exists(run) and not checkpoint.exists(run, "best")
    with pytest.raises(checkpoint.CheckpointError, match="has no last checkpoint"):
        checkpoint.load(run, "last")


def doctors_check(invoke, name: str) -> dict:
    checks = json.loads(invoke("doctor", "--json").stdout)["checks"]
    return next((check for check in checks if check["name"] == name), {"ok": True})


@pytest.mark.parametrize("how", ["link", "fifo"])
def test_doctor_names_the_odd_files_of_a_run(how, make_run, invoke, secret):
    run = make_run()
    assert doctors_check(invoke, "run files")["ok"]
    spoil(run.architecture_path, how, secret)
    told = doctors_check(invoke, "run files")
    assert told["detail"] == f"{run.architecture_path} is a link, a FIFO or a device"
    assert not told["ok"] and told["fix"] == f"gentui rm {run.id}"


def test_doctor_names_what_others_may_read_in_the_home(home, make_run, invoke):  # noqa: F811
    make_run()
    (home / "runs").chmod(0o755)
    told = doctors_check(invoke, "home private")
    assert not told["ok"] and told["detail"] == f"mode 0755 of {home / 'runs'}"
    assert told["fix"] == f"chmod 700 {home / 'runs'}"


@pytest.mark.parametrize("what", PAYLOADS)
def test_code_in_a_checkpoint_is_not_run_and_the_refusal_is_in_our_own_words(what, launch, tmp_path):  # noqa: F811
    run, marker = launch(start=False), tmp_path / "ran"
    checkpoint.save(run, 1, {"net": {"w": torch.zeros(2)}}, {"step": 1}, ["last"])
    folder = run.checkpoint("last").resolve()
    (folder / checkpoint.STATE_FILE).write_bytes(PAYLOADS[what](marker))
    for load in (checkpoint.load, checkpoint.load_state):
        with pytest.raises(checkpoint.CheckpointError) as caught:
            load(run)
        assert str(caught.value) == f"the training state in {folder} cannot be read: {NOT_TENSORS}"
    assert not marker.exists()


def test_the_trainer_runs_no_code_of_a_checkpoint_that_it_resumes(trained, tmp_path):  # noqa: F811
    marker = tmp_path / "ran"
    state = trained.checkpoint("last").resolve() / checkpoint.STATE_FILE
    state.write_bytes(PAYLOADS["code in torch's zip"](marker))
    code, output = finish(trainer(trained))
    assert code == 1 and NOT_TENSORS in output and "weights_only" not in output and "Traceback" not in output
    assert not marker.exists()


@pytest.mark.parametrize("what", ["code, pickled", "code in torch's zip"])
def test_such_code_would_run_if_it_were_let(tmp_path, what):
    """Or the tests above, and those of weights, would prove nothing."""
    marker = tmp_path / "ran"
    content = PAYLOADS[what](marker)
    if what == "code, pickled":
        pickle.loads(content)
    else:
        torch.load(io.BytesIO(content), weights_only=False)
    assert marker.exists()


@pytest.fixture
def doctor(invoke, monkeypatch):
    """The checks of ``gentui doctor`` by name, with no look at torch; of several with one name the first."""
    monkeypatch.setattr("gentui.cli.doctor._TORCH", "")
    return lambda: {
        check["name"]: check for check in json.loads(invoke("doctor", "--json").stdout)["checks"][::-1]
    }


@pytest.mark.parametrize("how", ["link", "fifo"])
@pytest.mark.parametrize(
    "place",
    ["samples/000003.png", "samples", "checkpoints/last", "checkpoints/step-000000001/state.pt", "figures/a/b"],
)
def test_doctor_names_the_odd_files_wherever_they_are_in_a_run(place, how, make_run, doctor, secret):
    run = make_run()
    checkpoint.save(run, 1, {"net": {"w": torch.zeros(2)}}, {"step": 1}, [1, "best", "last"])
    assert "run files" not in doctor(), "links to a run's own checkpoints are none"
    (run.path / place).parent.mkdir(exist_ok=True)
    spoil(run.path / place, how, secret)
    told = doctor()["run files"]
    assert told["detail"] == f"{run.path / place} is a link, a FIFO or a device"
    assert not told["ok"] and told["fix"] == f"gentui rm {run.id}"


@pytest.mark.parametrize("target", ["..", ".", "/", "../samples", "step-000000001/state.pt", "/etc"])
def test_doctor_names_a_link_among_the_checkpoints_that_leads_elsewhere(target, make_run, doctor):
    run = make_run()
    run.checkpoint("last").symlink_to(target)
    assert doctor()["run files"]["detail"] == f"{run.checkpoint('last')} is a link, a FIFO or a device"


def test_doctor_has_one_line_for_all_odd_files_of_a_run(make_run, doctor, secret):
    run = make_run()
    for number in range(12):
        (run.samples / f"{number:06d}-{number}.png").symlink_to(secret)
    detail = doctor()["run files"]["detail"]
    first = run.samples / "000000-0.png"
    assert detail == f"{first} is a link, a FIFO or a device, as are 11 more of this run"


def test_doctor_names_a_file_of_a_run_that_others_may_read(make_run, doctor):
    make_run()
    run = make_run()
    assert doctor()["home private"]["ok"]
    sample = run.samples / "000003.png"
    sample.chmod(0o644)
    told = doctor()["home private"]
    assert not told["ok"] and told["detail"] == f"mode 0644 of {sample}"
    assert told["fix"] == f"chmod 600 {sample}"


def test_what_doctor_says_closes_all_that_others_may_read(home, make_run, doctor):  # noqa: F811
    runs = [make_run(), make_run()]
    for run in runs:
        run.log_path.chmod(0o640)
        run.samples.chmod(0o755)
    told = doctor()["home private"]
    assert told["detail"] == (
        f"mode 0640 of {runs[0].log_path}; 3 more in {home / 'runs'} can be used by others, too"
    )
    assert told["fix"] == f"chmod -R go= {home / 'runs'}"
    subprocess.run(shlex.split(told["fix"]), check=True)
    assert doctor()["home private"]["ok"]


def test_doctor_looks_at_so_many_files_and_at_the_newest_runs_first(make_run, doctor, secret, monkeypatch):
    old, new = make_run(), make_run()
    monkeypatch.setattr("gentui.cli.survey.MOST", sum(1 for _ in new.path.rglob("*")) + 1)
    for run in (old, new):
        spoil(run.samples / "000003.png", "link", secret)
    checks = doctor()
    assert checks["run files"]["detail"] == f"{new.samples / '000003.png'} is a link, a FIFO or a device"
    spoil(old.recipe_path, "link", secret)
    (new.samples / "000003.png").unlink()
    assert doctor()["run files"]["detail"] == f"{old.recipe_path} is a link, a FIFO or a device"
    old.recipe_path.unlink()
    told = doctor()["run files"]
    assert told["ok"] and told["detail"] == "all files of 1 of 2 runs were looked at, of others some"


def test_a_run_of_very_many_files_does_not_keep_doctor_from_the_others(make_run, doctor, secret, monkeypatch):
    monkeypatch.setattr("gentui.cli.survey.MOST_OF_ONE", 30)
    old, new = make_run(), make_run()
    for number in range(60):
        (new.samples / f"{number}.txt").touch(0o600)
    (old.samples / "a.png").symlink_to(secret)
    assert doctor()["run files"]["detail"] == f"{old.samples / 'a.png'} is a link, a FIFO or a device"


def test_doctor_finds_an_attack_on_each_promise_that_it_is_said_to_check(make_run, gentui, environment, secret):
    rows = [row.split(" | ")[0] for row in (ROOT / "SECURITY.md").read_text().splitlines() if row[:2] == "| "]
    names = [re.findall(r" \* \(`([^`]+)`\)$", row) for row in rows if "*" in row]
    assert names == [["run files"], ["home private"], ["plug-in"]]
    run = make_run()
    spoil(run.samples / "000003.png", "link", secret)
    run.recipe_path.chmod(0o644)
    plugin = secret.parent / "config" / "plugins" / "mine.py"
    plugin.parent.mkdir(parents=True)
    plugin.touch()
    plugin.chmod(0o666)
    environment["GENTUI_CONFIG"] = str(plugin.parents[1])
    checks = json.loads(gentui("doctor", "--json").stdout)["checks"]
    details = {check["name"]: check["detail"] for check in checks if not check["ok"]}
    assert str(run.samples / "000003.png") in details["run files"]
    assert str(run.recipe_path) in details["home private"]
    assert f"every user of this machine may change {plugin}" in details["plug-in"]
