"""Machines by SSH: what hosts.toml may say, the command, what ssh complains of, what is told, and what is asked when.

The outputs were recorded from OpenSSH 9.2p1. ``tests/long/ssh`` has a real sshd.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from pathlib import Path

import pytest

from engine.runs.directory import State, boot_id
from engine.runs.events import EventWriter
from gentui import jobs
from gentui.index.files import state_columns
from gentui.index.status import status_now
from gentui.jobs import agent, launchers
from gentui.jobs.launchers.hosts import find_host, hosts
from gentui.jobs.launchers.hosts.ssh import SshHost
from gentui.jobs.launchers.local import here
from gentui.jobs.launchers.local.locks import host_name, slots_folder
from gentui.jobs.launchers.local.slot_queues import queue_by_slot
from gentui.jobs.launchers.local.slots import fits
from gentui.jobs.launchers.ssh import check, standing
from gentui.jobs.launchers.ssh import launcher as module
from gentui.jobs.launchers.ssh.call import MARK, answer_in, command, complaint, remote_command
from gentui.jobs.launchers.ssh.launcher import SshLauncher
from tests.support.ssh import FakeSsh

BOX = SshHost("box2", "me@box2.lan", python="/venv/bin/python")
ON = {"launcher": "ssh", "name": "box2", "host": "other"}


def table(text: str, home: Path) -> SshHost:
    (home / "hosts.toml").write_text(f'[box2]\nlauncher = "ssh"\n{text}')
    host = hosts(home)["box2"]
    assert isinstance(host, SshHost)
    return host


def test_a_host_is_described_by_its_table(home):
    assert table("", home) == SshHost("box2", "box2")
    text = 'address = "me@box2.lan"\nport = 2222\nhome = "/srv/g"\npython = "/v/python"\nsetup = "module load cuda"\n'
    host = table(text, home)
    assert host == SshHost("box2", "me@box2.lan", 2222, "", "/srv/g", "/v/python", ("module load cuda",))
    assert host.home_there(home) == "/srv/g" and BOX.home_there(home) == str(home)
    assert find_host(home, "box2") == host


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('adress = "x"', "did you mean address?"),
        ('address = "-oProxyCommand=touch caught"', "address in .box2. of hosts.toml should be a machine"),
        ('address = "box; touch caught"', "should be a machine as `ssh` takes it"),
        ("address = 3", "should be a text in one line"),
        ('home = "data/gentui"', "should be a whole path"),
        ('python = "-c x"', "python in .box2. of hosts.toml should be a path"),
        ('python = "/v/it\'s"', "should be a path of letters"),
        ('port = "ssh"', "a number from 1 to 65535"),
        ("setup = [1]", "a list of lines of shell"),
        ('partition = "gpu"', "has no option 'partition'"),
    ],
)
def test_what_is_no_host_is_said_by_name(home, text, says):
    with pytest.raises(jobs.JobError, match=says):
        table(text, home)


def test_the_command_has_nothing_of_a_run_and_never_asks():
    line = command(SshHost("box2", "me@box2.lan", 2222, "/etc/a config"))
    assert line[:1] == ["ssh"] and line[-3:-1] == ["--", "me@box2.lan"]
    assert "BatchMode=yes" in line and line[-7:-3] == ["-F", "/etc/a config", "-p", "2222"]
    assert remote_command(BOX) == "exec /venv/bin/python -P -m gentui.jobs.agent"


def test_setup_lines_come_before_python_in_one_word_of_the_shell(tmp_path):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$GREETING|$*"\n')
    python.chmod(0o755)
    host = SshHost("box2", "box2", python=str(python), setup=('export GREETING="it\'s me"', "true # $(false)"))
    shell = subprocess.run(["sh", "-c", remote_command(host)], capture_output=True, text=True, check=True)
    assert shell.stdout == "it's me|-P -m gentui.jobs.agent\n"
    assert shlex.split(remote_command(host))[:3] == ["exec", "bash", "-c"]


CHANGED = """@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Offending ED25519 key in /home/me/.ssh/known_hosts:1
  remove with:
  ssh-keygen -f "/home/me/.ssh/known_hosts" -R "box2.lan"
Host key for box2.lan has changed and you have requested strict checking.
Host key verification failed.
"""


@pytest.mark.parametrize(
    ("printed", "says"),
    [
        (
            CHANGED,
            'if so, `ssh-keygen -f "/home/me/.ssh/known_hosts" -R "box2.lan"`, then `ssh me@box2.lan` by hand',
        ),
        (
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.\n",
            "`ssh-keygen -R box2.lan`, then",
        ),
        ("Host key verification failed.\n", "not known here: connect once by hand, `ssh me@box2.lan`"),
        ("me@box2.lan: Permission denied (publickey).\n", "it lets nobody in without a password"),
        (
            "ssh: Could not resolve hostname box2.lan: Name or service not known\n",
            "there is no machine box2.lan",
        ),
        (
            "ssh: connect to host box2.lan port 22: Connection refused\n",
            "no sshd answers there (ssh: connect to",
        ),
        (
            "ssh: connect to host box2.lan port 22: Connection timed out\n",
            "it does not answer (ssh: connect to",
        ),
        ("Timeout, server box2.lan not responding.\n", "it does not answer (Timeout"),
        ("Connection to box2.lan closed by remote host.\n", "it does not answer (Connection to"),
        ("timeout: failed to run command ‘ssh’: No such file or directory\n", "`ssh` is not installed here"),
        ("bash: line 1: /venv/bin/python: No such file or directory\n", "there is no /venv/bin/python there"),
        (
            "bash: line 1: exec: /venv: cannot execute: Is a directory\n",
            "name the interpreter as python in [box2]",
        ),
        (
            "/venv/bin/python: Error while finding module specification for 'gentui.jobs.agent'"
            " (ModuleNotFoundError: No module named 'gentui')\n",
            "/venv/bin/python there has no gentui",
        ),
        ("/venv/bin/python: No module named gentui.jobs.agent\n", "the gentui there is too old"),
        ("Unknown option: -P\nusage: python [option]\n", "older than Python 3.11"),
        ("ModuleNotFoundError: No module named 'rich'\n", "No module named 'rich'"),
        ("", "it said nothing"),
        ("Have a nice \x1b[31mday\n", "Have a nice day"),
    ],
)
def test_why_there_is_no_answer_is_said_with_what_can_be_done(printed, says):
    assert says in complaint(BOX, printed)


def test_an_answer_is_found_among_what_a_shell_prints():
    assert answer_in(f'Welcome!\n{MARK}{{"host": "a"}}\n{MARK}{{"host": "b"}}\nbye\n') == {"host": "b"}
    for broken in ("", "gentui", f"{MARK}[1]", f"{MARK}{{", MARK + "[" * 100_000):
        assert answer_in(broken) is None


# -- what is known of a machine ------------------------------------------------------------------------------


def log(home: Path, *parts: tuple[float, str]) -> None:
    folder = slots_folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(f"\n== asked at {at:.3f} ==\n{printed}\n" for at, printed in parts)
    (folder / "ssh-box2.log").write_text(text)


def said(**answer: object) -> str:
    return MARK + json.dumps(answer)


def test_what_is_known_is_read_from_the_log(home):
    assert standing.standing(home, BOX) == standing.Standing()
    log(home, (5.0, said(host="other")))
    assert standing.standing(home, BOX) == standing.Standing(5.0, False, {"host": "other"}, 5.0)
    refused = "ssh: connect to host box2.lan port 22: Connection refused"
    log(home, (5.0, said(host="other")), (6.0, refused), (7.0, refused))
    now = standing.standing(home, BOX)
    assert (now.asked_at, now.silent_since, now.answer) == (7.0, 6.0, None) and "no sshd answers" in now.why
    standing.heard(home, BOX, 8.0, {"host": "back"})
    assert standing.standing(home, BOX) == standing.Standing(8.0, False, {"host": "back"}, 8.0)


def test_a_question_that_nobody_waits_for_is_answered_into_the_log(home, fake_ssh):
    fake_ssh.prints("Connection to box2.lan closed by remote host.", code=255)
    for _ in range(5):
        assert standing.ask_later(home, BOX, {"do": "tend", "name": "a 'b"})
        fake_ssh.ended()
    assert json.loads(fake_ssh.asked[-1]) == {"do": "tend", "name": "a 'b"}
    text = (slots_folder(home) / "ssh-box2.log").read_text()
    assert text.count("== asked at") == 3 and standing.standing(home, BOX).silent_since is not None
    fake_ssh.prints(said(host="other"))
    standing.ask_later(home, BOX, {})
    fake_ssh.ended()
    now = standing.standing(home, BOX)
    assert now.answer == {"host": "other"} and now.silent_since is None
    held = standing.try_lock(slots_folder(home) / "ssh-box2.lock")
    assert not standing.ask_later(home, BOX, {}) and standing.standing(home, BOX).is_asked
    os.close(held)


@pytest.fixture
def sent(home, launch):
    """A run that was sent to the machine, as its state says."""

    def sent(status: str = "queued", seconds: float = 0.0, **changes: object):
        (home / "hosts.toml").write_text('[box2]\nlauncher = "ssh"\naddress = "me@box2.lan"\n')
        run, at = launch(start=False), time.time() - seconds
        state = State(status, attempt=1, queued_at=at, extra={"on": ON, "asked": None})  # type: ignore[arg-type]
        if status == "running":
            more = {"host": "other", "called": "cuda:1"}
            state = state.with_(
                slot="cuda:GPU-8f3e", pid=os.getpid(), start_time=1, boot_id="theirs", started_at=at,
                extra={**state.extra, **more},
            )  # fmt: skip
            EventWriter(run.events_path(1)).emit("status", step=0, images=0, status="started")
        run.write_state(state.with_(**changes))
        return run

    return sent


def test_what_is_told_of_a_run_there(home, sent):
    run = sent()
    assert status_now(run, run.read_state()) == ("queued", "on its way to box2")
    log(home, (time.time() + 1, said(host="other", missing=[])))
    assert status_now(run, run.read_state()) == ("queued", "box2: it waits for its turn")
    log(home, (time.time() + 1, said(host="other", missing=[run.id])))
    assert "box2 does not see it in its home" in status_now(run, run.read_state())[1]
    log(home, (time.time() + 1, said(host="other", fault="there is no folder /x there")))
    assert "box2 cannot take it: there is no folder /x there" in status_now(run, run.read_state())[1]
    (home / "hosts.toml").write_text("")
    assert "there is no host 'box2'" in status_now(run, run.read_state())[1]


def test_a_run_out_of_reach_is_left_as_it_is_and_stalls_when_its_files_do(home, sent):
    run = sent("running")
    since = time.time() - 5000
    log(home, (since, "Connection to box2.lan closed by remote host."))
    before = run.state_path.read_bytes()
    jobs.reconcile(home)
    assert jobs.settled(run) == run.read_state() and run.state_path.read_bytes() == before
    at = time.strftime("%H:%M", time.localtime(since))
    status, reason = status_now(run, run.read_state())
    assert status == "running" and reason.startswith(f"box2 cannot be reached since {at}: it does not answer (")
    for path in (run.events_path(1), run.log_path):
        path.touch()
        os.utime(path, (since, since))
    run.write_state(run.read_state().with_(started_at=since))
    assert status_now(run, run.read_state())[0] == "stalled"
    with pytest.raises(jobs.JobError, match="is running; stop it first"):
        jobs.remove(home, run.id)
    run.write_state(run.read_state().with_(stop_requested_at=time.time() - 100))
    assert jobs.settled(run).status == "running"
    run.write_state(run.read_state().with_(stop_requested_at=time.time() - 1000))
    assert jobs.settled(run).status == "stopped"  # asked for, and nothing heard for long since


def test_where_it_runs_is_told_with_what_that_machine_calls_its_device(home, sent):
    run, other = sent("running"), sent()
    state = run.read_state()
    assert here.shown_slot(state.slot, state.extra) == "box2 cuda:1"
    assert state_columns(json.loads(run.state_path.read_text()))["slot"] == "box2 cuda:1"
    queues = queue_by_slot(home)
    assert queues["cpu"] == ()
    assert [(job.id, job.place, job.where) for job in queues["box2"]] == [
        (run.id, 0, "cuda:1"),
        (other.id, 1, ""),
    ]


def test_only_the_machine_itself_takes_it(monkeypatch):
    state = State(extra={"on": ON})
    assert not fits(state, "cpu") and isinstance(launchers.launcher_of(state), SshLauncher)
    monkeypatch.setattr(here, "host_name", lambda: "other")
    assert fits(state, "cpu") and launchers.launcher_of(state) is launchers.LOCAL
    assert isinstance(launchers.resumer_of(state), SshLauncher)
    for odd in ({"launcher": "ssh"}, {"launcher": "ssh", "host": 3, "name": []}, "ssh", 7):
        assert not fits(State(extra={"on": odd}), "cpu")


def test_the_queue_there_has_an_order_of_its_own(home, sent):
    first, second = sent(seconds=20), sent(seconds=10)
    assert launchers.queue_name(first.read_state()) == "box2" and launchers.queue_name(State()) == ""
    jobs.reorder(home, second.id, "first")
    assert second.read_state().queued_at < first.read_state().queued_at
    assert launchers.queue_name(State(extra={"on": {"launcher": "slurm"}})) is None


def test_a_machine_is_asked_when_there_is_news_and_seldom_otherwise(home, sent):
    now = time.time()
    queued, running = (sent("queued", 10), None), (sent("running", 10), None)
    queued = [(queued[0], queued[0].read_state())]
    running = [(running[0], running[0].read_state())]
    due = module._is_due
    heard = standing.Standing(now - 5, False, {"host": "other"}, now - 5)
    silent = standing.Standing(now - 20, False, None, 0.0, now - 100, "it does not answer")
    assert due(standing.Standing(), queued) and due(standing.Standing(now - 11), queued)
    assert not due(heard, queued) and not due(heard, running)
    assert due(silent, queued) and not due(silent, running)
    asked = [(running[0][0], running[0][1].with_(stop_requested_at=now - 1))]
    assert due(heard, asked)
    told = [(asked[0][0], asked[0][1].with_(extra={**asked[0][1].extra, "terminated_at": now}))]
    assert not due(heard, told) and not due(standing.Standing(now - 100, True), asked)
    ahead = [(queued[0][0], queued[0][1].with_(queued_at=now + 500))]  # by the clock of whoever queued it
    assert not due(heard, ahead)


# -- the agent -----------------------------------------------------------------------------------------------


def test_the_agent_answers_only_for_the_same_home(home, tmp_path):
    with module.probe(home) as (name, token):
        answer = agent.answer({"do": "admit", "home": str(home), "probe": name, "device": None, "devices": 1})
        assert (answer["probe"], answer["slot"], answer["host"]) == (token, None, host_name())
        assert module.fault_of(home, BOX, answer, name, token) == ""
        theirs = {**answer, "probe": ""}
        assert "a file written here is not seen there" in module.fault_of(home, BOX, theirs, name, token)
        namesake = {**answer, "boot": "another"}
        assert "both machines call themselves" in module.fault_of(home, BOX, namesake, name, token)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module.os, "getuid", lambda: 4711)
            assert "belongs to user" in module.fault_of(home, BOX, answer, name, token)
        (home / name).with_suffix(".there").unlink()
        assert "is not seen here" in module.fault_of(home, BOX, answer, name, token)
    assert list(home.iterdir()) == []
    assert "no folder" in agent.answer({"do": "admit", "home": str(tmp_path / "none")})["fault"]
    assert agent.answer({"do": "admit", "home": str(home), "probe": "../x"})["fault"]
    assert "does not know what it is asked" in agent.answer({"home": str(home), "do": "dance"})["fault"]


@pytest.mark.parametrize(
    ("device", "devices", "says"), [("cuda:7", 1, "there is no device cuda:7 on"), ("cpu", 2, "")]
)
def test_the_agent_says_whether_there_is_such_a_device(home, monkeypatch, device, devices, says):
    answer = agent.answer({"do": "admit", "home": str(home), "device": device, "devices": devices})
    assert says in answer.get("refusal", "") and ("slot" in answer) == (not says)


def test_the_agent_takes_over_what_is_sent_to_its_name_and_nothing_else(home, sent, launch, monkeypatch):
    mine, common = sent(), launch(start=False)
    other = sent(extra={"on": {**ON, "name": "box3"}})
    gone = sent(
        "running", 10, extra={"on": {**ON, "host": host_name()}, "host": host_name()}, boot_id=boot_id()
    )
    tended = []
    monkeypatch.setattr(agent.LOCAL, "tend", lambda place, pending: tended.extend(job.id for job, _ in pending))
    answer = agent.answer(
        {"do": "tend", "home": str(home), "name": "box2", "jobs": [mine.id, "20260101-000000-00000"]}
    )
    assert answer["missing"] == ["20260101-000000-00000"]
    assert mine.read_state().extra["on"]["host"] == host_name() and tended == [mine.id]
    assert other.read_state().extra["on"]["host"] == "other" and common.read_state().status == "queued"
    assert gone.read_state().status == "lost"


# -- the whole, with an ssh that runs its command here -----------------------------------------------------------


@pytest.fixture
def fake_ssh(tmp_path, monkeypatch):
    return FakeSsh(tmp_path / "ssh", monkeypatch)


def test_a_host_is_checked(home, fake_ssh, monkeypatch):
    host = table('address = "me@box2.lan"', home)
    checks = {one.name: one for one in check.examine(host, home)}
    assert all(one.ok for one in checks.values()), checks
    assert list(checks) == ["reached", "home", "gentui", "clock", "devices", "locks", "sessions"]
    assert "cpu" in checks["devices"].detail and "are known" in checks["locks"].detail
    assert [path.name for path in home.iterdir()] == ["hosts.toml"]
    answer = {"host": "far", "version": "0.0.1", "t": time.time() - 90, "probe": "", "boot": "x"}
    fake_ssh.prints(said(**answer))
    checks = {one.name: one for one in check.examine(host, home)}
    assert [name for name, one in checks.items() if not one.ok] == ["home", "gentui", "clock"]
    assert "install the same version on both" in checks["gentui"].detail
    assert "s behind: set both by one server (NTP)" in checks["clock"].detail
    fake_ssh.prints("Host key verification failed.", code=255)
    (reached,) = check.examine(host, home)
    assert not reached.ok and "me@box2.lan: its host key is not known here" in reached.detail
    for found, name in (
        ({"engine": True, "torch": ""}, "torch is missing"),
        ({"engine": False}, "its trainer is"),
    ):
        assert name in check._gentui(host, {"version": check.gentui.__version__, **found}).detail
    assert "KillUserProcesses=no" in check._sessions({"ends_sessions": True}).detail


@pytest.mark.parametrize(("says", "ends"), [("b true", True), ("b false", False), ("", False)])
def test_a_systemd_that_ends_what_a_session_has_left_is_found(tmp_path, monkeypatch, says, ends):
    busctl = tmp_path / "busctl"
    busctl.write_text(f"#!/bin/sh\necho '{says}'\n")
    busctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(agent.os, "getuid", lambda: 1000)
    assert agent._ends_sessions() is ends


def test_a_sweep_is_admitted_by_one_question_and_at_once_is_refused(home, fake_ssh, launch):
    (home / "hosts.toml").write_text('[box2]\nlauncher = "ssh"\n')
    chosen = launch(start=False)  # any recipe
    from engine.recipes.recipe import load

    recipe = load(chosen.recipe_path)
    for index in range(3):
        jobs.launch(home, recipe, on="box2", array={"group": "g", "index": index, "size": 4, "at_once": None})
    assert len(fake_ssh.asked) == 1
    with pytest.raises(jobs.JobError, match="--at-once is for Slurm"):
        jobs.launch(home, recipe, on="box2", array={"group": "h", "index": 0, "size": 1, "at_once": 2})
    with pytest.raises(
        jobs.JobError, match=f"box2 cannot take the run: there is no device cuda:9 on {host_name()}"
    ):
        jobs.launch(home, recipe, on="box2", device="cuda:9")
