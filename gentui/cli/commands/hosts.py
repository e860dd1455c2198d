"""``hosts``: where runs can go besides this machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gentui.cli.console import App, complain, json_option, out, out_json, pass_app, say, table
from gentui.cli.errors import Exit

if TYPE_CHECKING:
    from gentui.jobs.launchers.hosts import Host


@click.group(invoke_without_command=True)
@json_option("hosts, and Slurm's partitions and jobs")
@click.pass_context
def hosts_command(ctx: click.Context, as_json: bool) -> None:
    """List the hosts that `gentui run --on` can name, and Slurm's partitions and queue.

    $GENTUI_HOME/hosts.toml names hosts, a table for each: of Slurm with its options, or by SSH with an address; with
    setup lines and the python there. docs/clusters.md has examples.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(hosts_list, as_json=as_json)


@hosts_command.command("list")
@json_option("hosts, and Slurm's partitions and jobs")
@pass_app
def hosts_list(app: App, as_json: bool = False) -> int:
    """List the hosts with what is known of them, and Slurm's partitions and queue where there is one."""
    from gentui.jobs.launchers.hosts import FILE, hosts
    from gentui.jobs.launchers.slurm.clients import SlurmError
    from gentui.jobs.launchers.slurm.overview import overview

    known = hosts(app.home)
    here = None
    try:
        here = overview()
    except SlurmError as error:
        complain(error)
    if as_json:
        out_json(
            {
                "hosts": [_described(app.home, host) for host in known.values()],
                "slurm": None if here is None else {
                    "partitions": [vars(partition) for partition in here.partitions],
                    "jobs": [vars(job) for job in here.jobs],
                },
            }
        )  # fmt: skip
        return Exit.OK
    rows = [_row(app.home, host) for host in known.values()]
    table(
        ["HOST", "IS", "ASKS FOR", "LAST HEARD"],
        [["local", "this machine", "", ""], *rows],
        drop=["LAST HEARD"],
    )
    if not known:
        say(
            f"{app.home / FILE} would name more; `gentui run RECIPE --on slurm:partition=NAME,time=8h` needs none"
        )
    if here is not None:
        out()
        table(
            ["PARTITION", "NODES", "IDLE", "GPUS A NODE", "LIMIT", "WAITING"],
            [[p.name, p.nodes, p.idle, p.gpus, p.limit, p.waiting] for p in here.partitions],
            right=["NODES", "IDLE", "WAITING"],
        )
    if here is not None and here.jobs:
        out()
        table(
            ["JOB", "RUN", "STATE", "NODE", "WHY"],
            [[job.id, job.run, job.state, job.nodes, job.reason] for job in here.jobs],
        )
    return Exit.OK


def _described(home: Path, host: Host) -> dict[str, Any]:
    from gentui.jobs.launchers.hosts.slurm import SlurmHost
    from gentui.jobs.launchers.ssh.standing import standing

    known = {"name": host.name, "setup": list(host.setup), "python": host.python}
    if isinstance(host, SlurmHost):
        return known | {"launcher": "slurm", "options": host.options}
    now = standing(home, host)
    return known | {
        "launcher": "ssh", "address": host.address, "port": host.port, "config": host.config,
        "home": host.home_there(home), "heard_at": now.heard_at or None, "silent_since": now.silent_since,
        "why_silent": now.why,
    }  # fmt: skip


def _row(home: Path, host: Host) -> list[object]:
    """A host in a line: its name, what it is, what is asked for there, and what was last heard of it."""
    from gentui.jobs.launchers.hosts.slurm import SlurmHost
    from gentui.jobs.launchers.ssh.standing import standing

    if isinstance(host, SlurmHost):
        return [host.name, "Slurm", " ".join(host.arguments(1)), ""]
    now = standing(home, host)
    moment = now.silent_since or now.heard_at
    at = time.strftime("%Y-%m-%d %H:%M", time.localtime(moment)) if moment else ""
    return [host.name, "SSH", host.address, f"not since {at}: {now.why}" if now.silent_since else at]


@hosts_command.command("check")
@click.argument("name", metavar="NAME")
@json_option("each check with what it found")
@pass_app
def hosts_check(app: App, name: str, as_json: bool) -> int:
    """Check that a host would take a run, and say what is to be mended. NAME is as for --on.

    Of Slurm: its commands, controller, options, python. By SSH: whether it lets you in, has gentui and the same home,
    and its clock.
    """
    from gentui.jobs.launchers.hosts import find_host
    from gentui.jobs.launchers.hosts.slurm import SlurmHost
    from gentui.jobs.launchers.slurm import overview
    from gentui.jobs.launchers.ssh import check

    host = find_host(app.home, name)
    if host is None:
        say("local is this machine: `gentui doctor` checks it")
        return Exit.OK
    is_slurm = isinstance(host, SlurmHost)
    checks = overview.examine(host, app.home) if is_slurm else check.examine(host, app.home)
    if as_json:
        out_json({"checks": [vars(check) for check in checks]})
    else:
        table(["", "CHECK", "FOUND"], [["ok" if c.ok else "--", c.name, c.detail] for c in checks])
    return Exit.OK if all(check.ok for check in checks) else Exit.CANNOT
