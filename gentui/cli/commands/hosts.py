"""``hosts``: where runs can go besides this machine."""

from __future__ import annotations

from typing import Any

import click

from gentui.cli.console import App, json_option, out, out_json, pass_app, say, table
from gentui.cli.errors import Exit


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def hosts_command(ctx: click.Context, as_json: bool) -> None:
    """List the hosts that `gentui run --on` can name, and Slurm's partitions and queue.

    $GENTUI_HOME/hosts.toml names hosts: a table for each, with Slurm's options, setup lines and the python there.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(hosts_list, as_json=as_json)


@hosts_command.command("list")
@json_option
@pass_app
def hosts_list(app: App, as_json: bool = False) -> int:
    """List the hosts, and Slurm's partitions and queue where there is one."""
    from gentui.jobs.launchers.slurm.clients import SlurmError
    from gentui.jobs.launchers.slurm.hosts import FILE, hosts
    from gentui.jobs.launchers.slurm.overview import overview

    known = hosts(app.home)
    here = None
    try:
        here = overview()
    except SlurmError as error:
        say(error)
    if as_json:
        out_json(
            {
                "hosts": [_described(host) for host in known.values()],
                "slurm": None if here is None else {
                    "partitions": [vars(partition) for partition in here.partitions],
                    "jobs": [vars(job) for job in here.jobs],
                },
            }
        )  # fmt: skip
        return Exit.OK
    rows = [[name, "Slurm", " ".join(host.arguments(1))] for name, host in known.items()]
    table(["HOST", "IS", "ASKS FOR"], [["local", "this machine", ""], *rows])
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


def _described(host: Any) -> dict[str, Any]:
    return {"name": host.name, "launcher": "slurm", "options": host.options, "setup": list(host.setup),
            "python": host.python}  # fmt: skip


@hosts_command.command("check")
@click.argument("name", metavar="NAME")
@json_option
@pass_app
def hosts_check(app: App, name: str, as_json: bool) -> int:
    """Check that a host would take a run: its commands, options, python and home. NAME is as for --on."""
    from gentui.jobs.launchers.slurm.hosts import find_host
    from gentui.jobs.launchers.slurm.overview import examine

    host = find_host(app.home, name)
    if host is None:
        say("local is this machine: `gentui doctor` checks it")
        return Exit.OK
    checks = examine(host, app.home)
    if as_json:
        out_json({"checks": [vars(check) for check in checks]})
    else:
        table(["", "CHECK", "FOUND"], [["ok" if c.ok else "--", c.name, c.detail] for c in checks])
    return Exit.OK if all(check.ok for check in checks) else Exit.CANNOT
