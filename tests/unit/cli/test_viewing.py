"""``open``, ``events`` and ``--host``."""

from __future__ import annotations

import json

import pytest

from engine.runs.events import EventWriter
from gentui.tui import app as tui


@pytest.fixture
def opened(monkeypatch) -> list[tuple]:
    """What the app was started with."""
    from gentui.cli import console

    started: list[tuple] = []
    monkeypatch.setattr(tui, "run", lambda *arguments: started.append(arguments))
    monkeypatch.setattr(console, "has_terminal", lambda: True)
    return started


def test_the_app_opens_at_a_run_by_name_or_path(invoke, make_run, home, opened, tmp_path, monkeypatch):
    first, second = make_run(name="first"), make_run()
    assert invoke("open").exit_code == 0
    assert invoke("--low-bandwidth", "open", "first").exit_code == 0
    monkeypatch.chdir(first.path.parent)
    assert invoke("--home", str(tmp_path / "other"), "open", first.path.name).exit_code == 0
    assert opened == [
        (home, "auto", False, second.id),
        (home, "auto", True, first.id),
        (home, "auto", False, first.id),
    ]
    assert invoke("open", "nobody").exit_code == 3


def test_records_are_printed_as_json_that_cannot_act(invoke, make_run):
    run = make_run()
    writer = EventWriter(run.events_path(1))
    writer.emit("alert", step=3, images=192, sentence="\x1b[2J\u202e", value=float("nan"))
    writer.close()
    printed = invoke("events", run.id).stdout
    events = [json.loads(line) for line in printed.splitlines()]
    assert len(events) > 3 and events[0]["kind"] == "status"
    assert events[-1]["sentence"] == "\x1b[2J\u202e" and events[-1]["value"] is None
    assert "\x1b" not in printed and "\u202e" not in printed
    alone = invoke("events", run.id, "--kind", "alert", "--kind", "sample", "--follow").stdout.splitlines()
    assert {json.loads(line)["kind"] for line in alone} <= {"alert", "sample"} and alone


def test_another_machine_is_asked_over_ssh(gentui, environment, tmp_path):
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n')
    ssh.chmod(0o755)
    environment["PATH"] = f"{ssh.parent}:{environment['PATH']}"
    environment["GENTUI_REMOTE"] = "~/venv/bin/gentui"
    done = gentui("--home", "/data/a b", "--host", "box", "runs", "--filter", "fid<60; rm -rf /")
    assert done.stdout.splitlines() == [
        "--", "box", "~/venv/bin/gentui --home '/data/a b' runs --filter 'fid<60; rm -rf /'",
    ]  # fmt: skip
    assert done.returncode == 7
    del environment["GENTUI_REMOTE"]
    assert gentui("--host=box").stdout.splitlines() == ["--", "box", "gentui"]
    refused = gentui("--host", "-oProxyCommand=x", "runs")
    assert refused.returncode == 2 and "needs the name of a machine" in refused.stderr
