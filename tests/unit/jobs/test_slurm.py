"""What Slurm answers, and what that means for a run: row by row, on outputs as Slurm 22.05 prints them."""

from __future__ import annotations

import time

import pytest

from engine.runs.directory import State
from gentui import jobs
from gentui.index.status import status_now
from gentui.jobs import launchers
from gentui.jobs.launchers.hosts import find_host, hosts
from gentui.jobs.launchers.hosts.slurm import SlurmHost, parse_inline, seconds_of
from gentui.jobs.launchers.slurm import clients
from gentui.jobs.launchers.slurm.clients import Job, parse_accounted, parse_described, parse_queued
from gentui.jobs.launchers.slurm.crowd import counted
from gentui.jobs.launchers.slurm.submission import arguments, groups, new_on, part_of, script
from gentui.jobs.launchers.slurm.verdict import Facts, is_hopeless, judge
from gentui.jobs.states import JobError
from tests.support.fake_slurm import FakeSlurm

ON = {"launcher": "slurm", "name": "gpu", "job": "83", "options": {"mem": "4G", "time": "8:00:00"}}
QUEUED = State("queued", slot="gpu", queued_at=1.0, extra={"on": ON})
RUNNING = State("running", attempt=1, slot="gpu node1", started_at=1_000.0, extra={"on": ON})
STOPPING = RUNNING.with_(stop_requested_at=2_000.0)
DONE = {"status": "done", "reason": "", "step": 9}
FAILED = {"status": "failed", "reason": "the loss is not finite", "step": 9}
STOPPED = {"status": "stopped", "reason": "SIGTERM at step 9, checkpoint saved", "step": 9}
BEGUN = {"status": "started", "reason": "", "step": 0}
WORDS = (None, BEGUN, DONE, FAILED, STOPPED)


def of(state: str, **more: object) -> Job:
    return Job("83", "gentui-x", state, **{"nodes": "node1", "limit": "8:00:00", "start": 1_000.0, **more})


def shown(
    slurm: Job | None, state: State = RUNNING, word: dict | None = None, **facts: object
) -> tuple[str, str]:
    look = judge(slurm, state, Facts(1, word, **{"written": 2_000.0, **facts}))
    assert (look.alive is False) == look.state.ended
    return look.shown


@pytest.mark.parametrize("slurm", [None, of("COMPLETED"), of("COMPLETED", code=0)])
def test_a_trainer_that_says_it_is_done_has_ended_with_0_where_slurm_tells_no_code(slurm):
    state = judge(slurm, RUNNING, Facts(1, DONE)).state
    assert (state.status, state.exit_code, state.signal) == ("done", 0, None)
    assert judge(of("NODE_FAIL"), RUNNING, Facts(1, BEGUN)).state.exit_code is None


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("state", ["PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "RESV_DEL_HOLD"])
def test_waiting(state, word):
    assert shown(of(state, reason="Priority"), QUEUED, word) == (
        "queued",
        "Slurm: Priority, others are before it",
    )
    assert judge(of(state), RUNNING, Facts(1, word)).state.status == "queued"


@pytest.mark.parametrize(
    ("reason", "words", "hopeless"),
    [
        ("", "Slurm: queued", False),
        ("Resources", "Slurm: Resources, no node is free", False),
        ("AssocGrpCpuLimit", "Slurm: AssocGrpCpuLimit", False),
        ("PartitionConfig", "Slurm will not begin it: PartitionConfig, the partition has no node like that", True),
        ("PartitionTimeLimit", "Slurm will not begin it: PartitionTimeLimit, the time is beyond the partition's limit",
         True),
        ("BadConstraints", "Slurm will not begin it: BadConstraints, no node meets its constraints", True),
        ("JobHeldUser", "Slurm will not begin it: JobHeldUser, it is held; `scontrol release` lets it begin", True),
        ("(Priority)", "Slurm: Priority, others are before it", False),
    ],
)  # fmt: skip
def test_why_it_waits(reason, words, hopeless):
    assert shown(of("PENDING", reason=reason), QUEUED)[1] == words
    assert is_hopeless(of("PENDING", reason=reason)) == hopeless and not is_hopeless(
        of("RUNNING", reason=reason)
    )


def test_when_it_begins_again(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert (
        shown(of("PENDING", reason="BeginTime", start=43_200.0))[1] == "Slurm: BeginTime, it begins at 12:00:00"
    )


@pytest.mark.parametrize("state", ["RUNNING", "STAGE_OUT", "SIGNALING"])
def test_running(state):
    assert shown(of(state)) == ("running", "")
    assert shown(of(state), written=999.0) == ("running", "starting on node1")
    assert shown(of(state), QUEUED) == ("running", "")
    assert shown(of(state), STOPPING) == ("running", "stopping")
    begun = judge(of(state), QUEUED, Facts(1)).state
    assert (begun.slot, begun.attempt, begun.started_at) == ("gpu node1", 1, 1_000.0)


def test_ending():
    assert shown(of("COMPLETING")) == ("running", "ending")


@pytest.mark.parametrize("state", ["SUSPENDED", "STOPPED"])
def test_suspended(state):
    assert shown(of(state)) == ("stalled", "suspended by Slurm")


ENDS = (
    "COMPLETED",
    "FAILED",
    "TIMEOUT",
    "DEADLINE",
    "PREEMPTED",
    "NODE_FAIL",
    "BOOT_FAIL",
    "CANCELLED",
    "OUT_OF_MEMORY",
)


@pytest.mark.parametrize("state", ENDS)
def test_the_trainers_last_word_counts_most(state):
    assert shown(of(state, code=1), word=DONE) == ("done", "")
    if state != "OUT_OF_MEMORY":
        assert shown(of(state, code=1), word=FAILED) == ("failed", "the loss is not finite")
        assert shown(of(state), STOPPING, STOPPED) == ("stopped", STOPPED["reason"])
        assert shown(of(state), STOPPING)[0] == "stopped"


@pytest.mark.parametrize("word", [None, BEGUN, FAILED, STOPPED])
def test_out_of_memory(word):
    assert shown(of("OUT_OF_MEMORY", signal=125), word=word) == ("failed", "the job's memory (mem=4G) ran out")


@pytest.mark.parametrize("word", [None, BEGUN])
def test_ends_without_a_last_word(word):
    def ended(state: str, **more: object) -> tuple[str, str]:
        return shown(of(state, **more), word=word, error="ValueError: no")

    assert ended("COMPLETED", code=0) == ("failed", "ValueError: no (exit code 0)")
    assert ended("FAILED", code=1) == ("failed", "ValueError: no (exit code 1)")
    assert ended("FAILED", signal=9) == ("failed", "killed by signal 9")
    assert ended("FAILED", signal=53) == ("failed", "its log or folder cannot be reached on node1")
    assert ended("TIMEOUT") == ("interrupted", "the time limit of 8:00:00 was reached")
    assert ended("DEADLINE")[0] == "interrupted"
    assert ended("PREEMPTED") == ("interrupted", "preempted: Slurm gave its place to another job")
    assert ended("NODE_FAIL") == ended("BOOT_FAIL") == ("interrupted", "node1 failed")
    assert ended("CANCELLED", signal=15) == ("interrupted", "cancelled outside gentui")
    assert ended("REVOKED") == ("failed", "Slurm ended it: REVOKED")
    assert shown(of("FAILED", code=2), word=word, messages={2: "bad recipe: no"}) == (
        "failed",
        "bad recipe: no",
    )
    assert shown(of("FAILED", code=1))[1] == "the trainer exited without reporting anything (exit code 1)"


def test_ends_after_it_had_saved():
    assert shown(of("COMPLETED"), word=STOPPED) == (
        "interrupted",
        "SIGTERM at step 9, checkpoint saved; Slurm did not begin it again",
    )
    assert shown(of("TIMEOUT"), word=STOPPED)[1].endswith("was reached; checkpoint at step 9")
    assert shown(of("CANCELLED"), word=STOPPED)[1] == "cancelled outside gentui; checkpoint at step 9"


def test_unknown_to_slurm():
    assert shown(None, word=DONE) == ("done", "")
    assert shown(None, word=FAILED)[0] == "failed"
    assert shown(None, word=STOPPED)[0] == "interrupted"
    assert shown(None, STOPPING)[0] == "stopped"
    assert shown(None) == (
        "lost",
        "Slurm does not know job 83 any more, and the trainer did not report how it ended",
    )


def test_what_squeue_prints():
    line = "83_0|84|RUNNING|gentui-20261130|node1|1796001978|1796001979|1796002578|8:00:00|None"
    assert parse_queued(line) == Job(
        "83_0", "gentui-20261130", "RUNNING", "node1", 1796001978.0, 1796001979.0, 1796002578.0, "8:00:00", ""
    )
    assert parse_queued("9|9|RUNNING|another's|node1|1|2|3|1:00|None") is None
    assert parse_queued("slurm_load_jobs error: Unable to contact slurm controller") is None
    waiting = parse_queued("7|7|PENDING|gentui-x||1796001978|N/A|N/A|UNLIMITED|Nodes required|are DOWN")
    assert waiting is not None and (waiting.reason, waiting.start) == ("Nodes required|are DOWN", None)


DESCRIBED = (
    "JobId=2 ArrayJobId=2 ArrayTaskId=3 JobName=gentui-s UserId=root(0) JobState=FAILED Reason=NonZeroExitCode "
    "Requeue=1 Restarts=0 ExitCode=1:0 RunTime=00:00:01 TimeLimit=00:10:00 SubmitTime=1796001978 StartTime=1796001979 "
    "EndTime=1796001980 NodeList=node1 BatchHost=node1 Command=(null) WorkDir=/home/a b\n"
    "JobId=3 ArrayJobId=2 ArrayTaskId=0 JobName=gentui-s JobState=COMPLETED Reason=None ExitCode=0:0 NodeList=node2\n"
)


def test_what_scontrol_prints():
    found = parse_described(DESCRIBED, "2_3")
    assert found == Job(
        "2_3", "gentui-s", "FAILED", "node1", 1796001978.0, 1796001979.0, 1796001980.0, "00:10:00", "NonZeroExitCode",
        1, None,
    )  # fmt: skip
    assert parse_described(DESCRIBED, "2_0").nodes == "node2"
    assert parse_described(DESCRIBED, "2") is None, "the last task of an array has the array's number"
    killed = parse_described("JobId=5 JobName=gentui-x JobState=FAILED ExitCode=0:9 NodeList=(null)", "5")
    assert (killed.code, killed.signal, killed.nodes) == (None, 9, "")


def test_what_sacct_prints():
    lines = [
        "83|83|gentui-x|PREEMPTED|0:0|1796001978|1796001979|1796001980|node1",
        "83|83|gentui-x|CANCELLED by 1000|0:15|1796001978|1796001990|1796001999|node2",
    ]
    lives = [parse_accounted(line, "83") for line in lines]
    assert [(life.state, life.signal, life.nodes) for life in lives] == [
        ("PREEMPTED", None, "node1"),
        ("CANCELLED", 15, "node2"),
    ]
    assert parse_accounted(lines[0], "8") is None and parse_accounted("", "83") is None


def test_complaints_are_told_without_the_commands_name():
    errors = "sbatch: error: invalid partition specified: nope\nallocation failure: Invalid partition name specified\n"
    assert clients.complaint(errors) == (
        "invalid partition specified: nope; allocation failure: Invalid partition name specified"
    )


def test_slurms_commands_get_none_of_a_jobs_variables(monkeypatch):
    for name in ("SLURM_NTASKS", "SBATCH_PARTITION", "SQUEUE_FORMAT", "SLURM_JOB_ID"):
        monkeypatch.setenv(name, "2")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")
    found = {name for name in clients.environment() if name.startswith(("SLURM", "SBATCH", "SQUEUE"))}
    assert found == {"SLURM_CONF", "SLURM_TIME_FORMAT"}


def test_a_place_on_the_command_line(tmp_path):
    host = find_host(tmp_path, "slurm:partition=gpu,gres=gpu:2,time=8h,nodelist=a1,a2")
    assert host == SlurmHost(
        "slurm", {"partition": "gpu", "gres": "gpu:2", "time": "8:00:00", "nodelist": "a1,a2"}
    )
    assert find_host(tmp_path, "local") is None and find_host(tmp_path, "slurm") == SlurmHost("slurm")


@pytest.mark.parametrize(
    ("text", "slurms", "seconds"),
    [("8h", "8:00:00", 28_800), ("90m", "1:30:00", 5400), ("1d12h", "36:00:00", 129_600), ("30", "30", 1800),
     ("1-0", "1-0", 86_400), ("5:30", "5:30", 330)],
)  # fmt: skip
def test_time_limits(text, slurms, seconds):
    assert parse_inline(f"time={text}").options["time"] == slurms
    assert seconds_of(slurms) == seconds


@pytest.mark.parametrize(
    ("on", "why"),
    [
        ("slurm:gpu", "needs options such as partition=gpu"),
        ("slurm:partitoin=gpu", "did you mean partition"),
        ("slurm:output=x", "it can be partition, time"),
        ("slurm:time=soon", "time should be 8h, 90m"),
        ("slurm:partition=", "should be a text or a number"),
        ("slurm:nodes=two", "nodes should be a whole number"),
        ("slurm:nodes=0", "nodes should be a whole number"),
        ("moon", "there is no host 'moon'"),
    ],
)
def test_a_place_that_is_none_is_told(tmp_path, on, why):
    with pytest.raises(JobError, match=why):
        find_host(tmp_path, on)


def test_hosts_of_the_file(tmp_path):
    (tmp_path / "hosts.toml").write_text(
        '[gpu]\nlauncher = "slurm"\npartition = "gpu"\ngres = "gpu:{devices}"\ntime = "8:00:00"\n'
        'setup = ["module load cuda/12.4"]\npython = "/shared/venv/bin/python"\n'
    )
    host = find_host(tmp_path, "gpu")
    assert host.arguments(4) == ["--partition=gpu", "--gres=gpu:4", "--time=8:00:00"]
    assert (host.setup, host.python, host.warning) == (
        ("module load cuda/12.4",),
        "/shared/venv/bin/python",
        120,
    )
    with pytest.raises(JobError, match=r"hosts\.toml has gpu"):
        find_host(tmp_path, "cpu2")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[gpu]\nlauncher = 'moon'", 'launcher = "slurm"'),
        ("gpu = 1", "should be a table"),
        ("[local]\n", "cannot be a host's name"),
        ("[gpu]\ncolour = 1", "has no option 'colour'"),
        ("[gpu]\nsetup = 1", "list of lines"),
        ("[gpu", "cannot be read"),
    ],
)
def test_a_file_of_hosts_that_cannot_be_understood(tmp_path, text, why):
    (tmp_path / "hosts.toml").write_text(text)
    with pytest.raises(JobError, match=why):
        hosts(tmp_path)


def test_several_nodes_have_a_task_for_each_rank_and_one_device_has_one_node():
    host = parse_inline("nodes=2,gres=gpu:{devices}")
    assert (host.tasks(4), host.arguments(4)) == (
        ["--ntasks=4", "--ntasks-per-node=2"], ["--nodes=2", "--gres=gpu:2"],
    )  # fmt: skip
    assert (host.tasks(1), host.arguments(1)) == (["--ntasks=1"], ["--gres=gpu:1"])
    assert "--signal=TERM@120" in arguments(host, 4)
    assert "--signal=B:TERM@120" in arguments(host, 1)
    with pytest.raises(
        JobError, match=r"3 devices cannot be shared evenly by the 2 nodes.*--devices 2, 4 or another"
    ):
        host.arguments(3)


def test_a_short_limit_leaves_time_to_train():
    assert SlurmHost("x", {"time": "4"}).warning == 60 and SlurmHost("x").warning == 120


def _members(make, count: int, size: int):
    host = SlurmHost("gpu", {"partition": "gpu"})
    array = [{"group": "g", "index": n, "size": size, "at_once": 2} for n in range(count)]
    return [
        (make(), State("queued", queued_at=time.time(), extra={"on": new_on(host, 1, its)})) for its in array
    ]


def test_the_script_of_a_sweep_finds_each_run(home, launch):
    (home / "hosts.toml").write_text('[gpu]\npartition = "gpu"\nsetup = ["module load cuda"]\n')
    members = _members(lambda: launch(start=False), 2, 2)
    text = script(home, members)
    assert f"  0) run={members[0][0].path} ;;\n  1) run={members[1][0].path} ;;" in text
    assert text.splitlines()[0] == "#!/bin/bash" and "\nmodule load cuda\nexec " in text
    assert text.rstrip().endswith('"$run" --on slurm')


def test_a_sweep_waits_until_all_its_runs_are_there(launch):
    members = _members(lambda: launch(start=False), 2, 3)
    assert groups(members) == []
    late = [(job, state.with_(queued_at=time.time() - 100)) for job, state in members]
    assert groups(late) == [late]
    stopped = [(job, state.with_(stop_requested_at=1.0)) for job, state in late]
    assert groups(stopped) == []


@pytest.mark.parametrize(
    "on",
    [
        {"launcher": "slurm"},
        {"launcher": "slurm", "options": [1], "devices": "x", "job": 5, "name": [], "setup": "x", "python": 1},
        {
            "launcher": "slurm",
            "submitting": "now",
            "submitted_at": {},
            "index": "0",
            "group": 3,
            "size": "many",
        },
        {"launcher": "slurm", "job": "83", "options": {"mem": {}}, "token": 1, "at_once": True, "alarm": 2},
    ],
)
def test_a_state_that_was_tampered_with_breaks_nothing(home, launch, monkeypatch, tmp_path, on):
    slurm = FakeSlurm(tmp_path / "slurm", monkeypatch)
    slurm.answer("sbatch", "84\n")
    launchers._launcher.cache_clear()
    run = launch(start=False)
    for status in ("queued", "running"):
        run.write_state(State(status, attempt=1, queued_at=1.0, extra={"on": on}))
        jobs.reconcile_and_spawn(home)
        assert jobs.settled(run) is not None
        status_now(run, run.read_state())
    for number in range(2):
        jobs.stop(home, run.id)
        assert number or jobs.settled(run) is not None


def test_a_run_of_somebody_else_names_no_code_to_run(home, launch):
    run = launch(start=False)
    on = {"launcher": "slurm", "name": "slurm", "setup": ["touch /tmp/x"], "python": "/tmp/evil", "options": {}}
    text = script(home, [(run, State(extra={"on": on}))])
    assert "touch" not in text and "evil" not in text
    for options in ({"export": "ALL,BASH_ENV=/tmp/x"}, {"wrap": "touch /tmp/x"}, {"prolog": "x"}):
        with pytest.raises(JobError, match="has no option"):
            script(home, [(run, State(extra={"on": {**on, "options": options}}))])
    with pytest.raises(JobError, match="there is no host 'gpu'"):
        script(home, [(run, State(extra={"on": {**on, "name": "gpu"}}))])


def test_a_file_of_hosts_that_everybody_may_change_is_not_read(tmp_path):
    (tmp_path / "hosts.toml").write_text("[gpu]\n")
    (tmp_path / "hosts.toml").chmod(0o666)
    with pytest.raises(JobError, match="every user of this machine may change"):
        find_host(tmp_path, "gpu")


def test_a_sweep_larger_than_an_array_is_several_that_share_what_runs_at_once():
    def of(index: int, size: int = 7, at_once: int | None = 4, most: int = 3) -> tuple | None:
        part = part_of({"group": "g", "index": index, "size": size, "at_once": at_once}, most)
        return part and tuple(part.values())

    assert [of(n) for n in (0, 2, 3, 6)] == [
        ("g-0", 0, 3, 2),
        ("g-0", 2, 3, 2),
        ("g-1", 0, 3, 1),
        ("g-2", 0, 1, 1),
    ]
    assert of(5, at_once=None) == ("g-1", 2, 3, None) and of(2, size=3) == ("g", 2, 3, 4)
    assert of(1, at_once=None, most=0) is None
    with pytest.raises(JobError, match=r"7 runs are 3 arrays in Slurm, of 3 jobs at most .* must be 3 or more"):
        of(0, at_once=2)
    with pytest.raises(JobError, match=r"takes no arrays of jobs \(MaxArraySize is 0\): leave --at-once out"):
        of(0, most=0)


def test_the_queue_of_everybody_is_counted_by_partition():
    ours = "gpu,big|PENDING|me|300\nbig|PENDING|bob|200\n"
    lines = f"gpu|RUNNING|ann|100\ngpu|RUNNING|ann|100\n{ours}big|COMPLETING|x|1\nodd\n"
    gpu, big = counted(lines, "me")
    assert (gpu.name, gpu.running, gpu.waiting, gpu.users, gpu.mine_running, gpu.mine_waiting) == (
        "gpu",
        2,
        1,
        2,
        0,
        1,
    )
    assert (big.name, big.running, big.waiting, big.users, big.first) == ("big", 0, 2, 2, 200.0)
    assert counted("", "me") == ()
