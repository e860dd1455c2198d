"""A real Slurm on this machine, for tests: two nodes, no systemd, nothing in /etc, loopback addresses only.

Needs root (slurmd sets each job's user) and Debian's packages ``slurmctld slurmd slurm-client munge``; with accounting
``slurmdbd mariadb-server`` too. GPUs are twins of /dev/null: Slurm counts and assigns them as it does real ones.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.support.waiting import wait_for

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
ACCOUNTING = ("slurmdbd", "mariadbd")
CPUS, GPUS, MEMORY = 4, 2, 8000
MOST_TASKS = 5
"""In an array: a sweep of more runs is several."""
KILL_WAIT, GRACE = 5, 10
"""Seconds from SIGTERM to SIGKILL, and those that a preempted job of partition main still has after its signal."""
_MARK = "GENTUI_TEST_SLURM"


def lacking(accounting: bool = False) -> str:
    """Why there can be no Slurm here; "" if there can."""
    if os.geteuid():
        return "only root can run slurmd"
    missing = [name for name in PROGRAMS + (ACCOUNTING if accounting else ()) if shutil.which(name) is None]
    packages = "slurmctld slurmd slurm-client munge" + (" slurmdbd mariadb-server" if accounting else "")
    return f"{', '.join(missing)} not installed: RUNLEVEL=1 apt-get install {packages}" if missing else ""


def bounds_memory() -> bool:
    """Whether Slurm 22 can bound the memory of jobs here: it needs cgroup v1."""
    return Path("/sys/fs/cgroup/memory/memory.limit_in_bytes").is_file()


class Cluster:
    """Partitions: ``main``, ``hasty`` (no grace for a preempted job) and ``urgent``, which preempts both."""

    def __init__(self, *, accounting: bool = False, min_job_age: int = 300, nodes: int = 2):
        # Below that of a test its sockets would have names longer than the 108 bytes that the kernel allows.
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        name = f"n{secrets.token_hex(3)}x"
        self.nodes = [f"{name}{n + 1}" for n in range(nodes)]
        """Named like no other cluster's on this machine: the groups that bound their memory are named after them."""
        self.conf = self.folder / "etc/slurm.conf"
        self._accounting, self._min_job_age = accounting, min_job_age
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._mark = secrets.token_hex(8)
        self._ports = _free_ports(nodes + 3)

    def start(self) -> None:
        """Start everything and wait for idle nodes."""
        for name in ("etc", "log", "state", "spool", "gpus", "db"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "munge").mkdir(mode=0o711, exist_ok=True)
        key = self.folder / "munge/key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        self._write_configuration()
        place = self.folder / "munge"
        self._begin(
            "munged", "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={place}/socket",
            f"--pid-file={place}/pid", f"--seed-file={place}/seed", f"--log-file={self.folder}/log/munged.log",
        )  # fmt: skip
        self._until("munge", "--no-input", f"--socket={place}/socket")
        if self._accounting:
            self._start_accounting()
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)
        self.wait_until_idle()

    def stop(self) -> None:
        """End every job, and every process that was started here, the last first."""
        if self.is_up():
            with contextlib.suppress(subprocess.SubprocessError):
                self.call("scancel", "--user=root")
                self.call("scancel", "--signal=KILL", "--full", "--user=root")
        for name in reversed(list(self._daemons)):
            self._end(name, signal.SIGTERM)
        for pid in self._marked():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for node in self.nodes:  # what slurmd could not remove while processes were left
            for group in Path("/sys/fs/cgroup").glob(f"*/slurm_{node}"):
                for folder in sorted([group, *group.rglob("*/")], reverse=True):
                    with contextlib.suppress(OSError):
                        folder.rmdir()
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, *command: str, check: bool = True) -> str:
        """What a command of Slurm prints."""
        variables = {**os.environ, "SLURM_CONF": str(self.conf), "LC_ALL": "C"}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, env=variables, stdin=subprocess.DEVNULL
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def is_up(self) -> bool:
        return " is UP" in self.call("scontrol", "ping", check=False)

    def start_controller(self) -> None:
        self._begin("slurmctld", "slurmctld", "-D", "-i")
        wait_for(self.is_up, "slurmctld")

    def kill_controller(self) -> None:
        self._end("slurmctld", signal.SIGKILL)

    def start_node(self, node: str) -> None:
        self._begin(node, "slurmd", "-D", "-N", node)

    def kill_node(self, node: str) -> None:
        """Kill the node's daemon. Its jobs live on, as on a node whose network is cut."""
        self._end(node, signal.SIGKILL)

    def wait_until_idle(self) -> None:
        def are_idle() -> bool:
            return self.call("sinfo", "-h", "-N", "-p", "main", "-o", "%t", check=False).split() == [
                "idle"
            ] * len(self.nodes)

        wait_for(are_idle, f"idle nodes; logs in {self.folder}/log", 120)

    def state_of(self, job: str) -> str:
        """Slurm's state of a job; "" if it does not know it."""
        return self.call("squeue", "-h", "-r", "-t", "all", "-j", job, "-o", "%T", check=False).strip()

    def at_once(self, job: str) -> None:
        """Let a job that was queued again begin soon, and not after the two minutes that Slurm waits. Within the second
        in which it was ended a node would refuse it: its credential counts as revoked."""
        wait_for(lambda: self.state_of(job) == "PENDING", f"{job} to be queued again")
        self.call("scontrol", "update", f"jobid={job}", "starttime=now+2")

    def _begin(self, name: str, *command: str) -> None:
        with (self.folder / f"log/{name}.out").open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "SLURM_CONF": str(self.conf), _MARK: self._mark},
            )  # fmt: skip

    def _end(self, name: str, number: signal.Signals) -> None:
        process = self._daemons.pop(name)
        process.send_signal(number)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _marked(self) -> list[int]:
        """What a daemon has started and left: step daemons, and processes of jobs."""
        found, mark = [], f"{_MARK}={self._mark}".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
        return found

    def _until(self, *command: str) -> None:
        wait_for(lambda: not subprocess.run(command, capture_output=True, check=False).returncode, command[0])

    def _write_configuration(self) -> None:
        folder, host = self.folder, socket.gethostname().partition(".")[0]
        tracked, bounded = ("cgroup", "cgroup") if bounds_memory() else ("linuxproc", "none")
        lines = [
            "ClusterName=test", f"SlurmctldHost={host}(127.0.0.1)", f"SlurmctldPort={self._ports[0]}",
            "SlurmUser=root", "SlurmdUser=root", "AuthType=auth/munge", f"AuthInfo=socket={folder}/munge/socket",
            "CredType=cred/munge", "CommunicationParameters=NoInAddrAny,NoCtldInAddrAny",
            f"StateSaveLocation={folder}/state", f"SlurmdSpoolDir={folder}/spool/%n",
            f"SlurmctldPidFile={folder}/state/slurmctld.pid", f"SlurmdPidFile={folder}/spool/%n.pid",
            f"SlurmctldLogFile={folder}/log/slurmctld.log", f"SlurmdLogFile={folder}/log/%n.log",
            f"ProctrackType=proctrack/{tracked}", f"TaskPlugin=task/{bounded}",
            "JobAcctGatherType=jobacct_gather/linux",
            "MpiDefault=none", "SwitchType=switch/none", "SchedulerType=sched/backfill",
            "SchedulerParameters=sched_interval=2,sched_min_interval=0,batch_sched_delay=0,bf_interval=5,"
            "bf_min_age_reserve=0,requeue_delay=1",
            "SelectType=select/cons_tres", "SelectTypeParameters=CR_Core_Memory",
            "SlurmdParameters=config_overrides", "SlurmctldParameters=preempt_send_user_signal",
            f"MaxArraySize={MOST_TASKS}",
            "ReturnToService=2", "SlurmctldTimeout=30", "SlurmdTimeout=5", "InactiveLimit=0", f"KillWait={KILL_WAIT}",
            "CompleteWait=0", f"MinJobAge={self._min_job_age}", "JobRequeue=1", "PreemptType=preempt/partition_prio",
            "PreemptMode=REQUEUE", "UnkillableStepTimeout=60", "DisableRootJobs=NO", "PropagateResourceLimits=NONE",
            "JobCompType=jobcomp/none", "GresTypes=gpu",
            *(
                ["AccountingStorageType=accounting_storage/slurmdbd", "AccountingStorageHost=127.0.0.1",
                 f"AccountingStoragePort={self._ports[1]}", f"AccountingStoragePass={folder}/munge/socket"]
                if self._accounting else ["AccountingStorageType=accounting_storage/none"]
            ),
            *(
                f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} Sockets=1 CoresPerSocket={CPUS} "
                f"ThreadsPerCore=1 RealMemory={MEMORY} Gres=gpu:{GPUS} State=UNKNOWN"
                for node, port in zip(self.nodes, self._ports[3:], strict=True)
            ),
            *(
                f"PartitionName={name} Nodes=ALL MaxTime=1-0 DefaultTime=10 DefMemPerCPU=500 State=UP {more}"
                for name, more in {
                    "main": f"Default=YES PriorityTier=1 GraceTime={GRACE}", "hasty": "PriorityTier=1 GraceTime=0",
                    "urgent": "PriorityTier=10 PreemptMode=OFF",
                }.items()
            ),
        ]  # fmt: skip
        self.conf.write_text("\n".join(lines) + "\n")
        for number in range(GPUS):
            device = folder / f"gpus/gpu{number}"
            if not device.exists():
                os.mknod(device, 0o20666, os.makedev(1, 3))
        gpus = (
            f"AutoDetect=off\nNodeName={','.join(self.nodes)} Name=gpu File={folder}/gpus/gpu[0-{GPUS - 1}]\n"
        )
        (folder / "etc/gres.conf").write_text(gpus)
        bounds = [
            "CgroupPlugin=cgroup/v1",
            "ConstrainRAMSpace=yes",
            "ConstrainSwapSpace=yes",
            "AllowedSwapSpace=0",
        ]
        (folder / "etc/cgroup.conf").write_text("\n".join(bounds) + "\n")

    def _start_accounting(self) -> None:
        folder, sql = self.folder, self.folder / "db"
        data, server = f"--datadir={sql}/data", f"--socket={sql}/socket"
        subprocess.run(
            ["mysql_install_db", "--no-defaults", "--user=root", data,
             "--auth-root-authentication-method=normal", "--skip-test-db"],
            capture_output=True, check=True,
        )  # fmt: skip
        self._begin(
            "mariadbd", "mariadbd", "--no-defaults", "--user=root", data, server, f"--pid-file={sql}/pid",
            "--bind-address=127.0.0.1", f"--port={self._ports[2]}", "--skip-name-resolve",
            "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0",
        )  # fmt: skip
        client: Sequence[str] = ("mariadb", "--no-defaults", server, "-e")
        self._until("mariadb-admin", "--no-defaults", server, "ping")
        grant = (
            "CREATE DATABASE slurm_acct_db; CREATE USER 'slurm'@'127.0.0.1' IDENTIFIED BY 'slurm';"
            "GRANT ALL ON slurm_acct_db.* TO 'slurm'@'127.0.0.1';"
        )
        subprocess.run([*client, grant], check=True, capture_output=True)
        own = folder / "etc/slurmdbd.conf"
        host = socket.gethostname().partition(".")[0]
        own.write_text("\n".join([
            "AuthType=auth/munge", f"AuthInfo=socket={folder}/munge/socket", "DbdAddr=127.0.0.1", f"DbdHost={host}",
            f"DbdPort={self._ports[1]}", "SlurmUser=root", f"PidFile={sql}/slurmdbd.pid",
            f"LogFile={folder}/log/slurmdbd.log", "CommunicationParameters=NoInAddrAny",
            "StorageType=accounting_storage/mysql", "StorageHost=127.0.0.1", f"StoragePort={self._ports[2]}",
            "StorageUser=slurm", "StoragePass=slurm", "StorageLoc=slurm_acct_db", "",
        ]))  # fmt: skip
        own.chmod(0o600)
        self._begin("slurmdbd", "slurmdbd", "-D")
        variables = {**os.environ, "SLURM_CONF": str(self.conf)}
        listed = ("sacctmgr", "-n", "-i", "list", "cluster")
        wait_for(
            lambda: not subprocess.run(listed, capture_output=True, check=False, env=variables).returncode, "slurmdbd"
        )  # fmt: skip


def _free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
