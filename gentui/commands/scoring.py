"""``sample``, ``evaluate``, ``leaderboard``."""

from __future__ import annotations

import subprocess
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from engine.rundir import RunDir
from gentui import health
from gentui.commands.console import App, Exit, Failure, number, out, out_json, pass_app, say, table
from gentui.measures import over_seeds, plus_minus

json_option = click.option("--json", "as_json", is_flag=True, help="As JSON.")

METRICS = ("fid", "kid", "isc", "prc", "intra_fid", "fid_inf")
SAMPLERS = ("heun", "euler", "dpm++", "ddim", "ddpm")  # of those that take steps
FORMATS = {".png": "a grid", ".gif": "the process", ".npy": "uint8 N,C,H,W in [0,255]"}


def _engine(module: str, run: RunDir, options: dict[str, Any], *flags: str) -> int:
    """Run a module of the engine on a run, in a process of its own: this one never imports torch.

    Its stdout and stderr are ours; returns its exit code as one of ours.
    """
    arguments = [f"{key}={value}" for key, value in options.items() if value is not None]
    # -P: nothing in the working directory is picked up in place of the engine
    command = [sys.executable, "-P", "-m", f"engine.{module}", str(run.path), *arguments, *flags]
    sys.stdout.flush()
    code = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    if code < 0:
        raise Failure(f"killed by signal {-code}", Exit.RUN_FAILED)
    return code


def _with_checkpoint(app: App, run: str) -> RunDir:
    found = RunDir(app.home / "runs" / app.index().find(run))
    if not any((found.checkpoints / which).exists() for which in ("best", "last")):
        raise Failure(f"run {found.id} has no checkpoint yet: nothing can be sampled from it", Exit.CANNOT)
    return found


def _output(ctx: click.Context, param: click.Parameter, value: str) -> Path:
    path = Path(value).expanduser()
    if path.suffix.lower() not in FORMATS:
        kinds = ", ".join(f"{suffix} ({what})" for suffix, what in FORMATS.items())
        raise click.BadParameter(f"{value!r} must end in {kinds}")
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no directory {str(path.parent)!r}")
    return path.absolute()


@click.command()
@click.argument("run", metavar="RUN")
@click.option("-n", "--n", "count", type=click.IntRange(1, 10**6), help="How many images.")
@click.option(
    "--label",
    help="A class, by name or number; or attributes by name, separated by commas. Default: of every kind.",
)
@click.option("--steps", type=click.IntRange(1, 10_000), help="Sampling steps.")
@click.option(
    "--guidance",
    type=float,
    metavar="W",
    help="Weight of classifier-free guidance, where it was trained for: (1+W)·conditional - W·unconditional.",
)
@click.option(
    "--sampler", metavar="NAME", help=f"Another than the recipe's: {', '.join(SAMPLERS)}; as its method allows."
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Of the noise.")
@click.option("-o", "--out", "path", required=True, callback=_output, metavar="FILE", help=".png, .gif or .npy")
@pass_app
def sample_command(
    app: App,
    run: str,
    count: int | None,
    label: str | None,
    steps: int | None,
    guidance: float | None,
    sampler: str | None,
    seed: int | None,
    path: Path,
) -> int:
    """Draw images from a run's weights into FILE.

    .png: a grid; .gif: the process from noise to image; .npy: uint8 N,C,H,W in [0,255].
    """
    options = {
        "--n": count, "--label": label, "--steps": steps, "--guidance": guidance, "--sampler": sampler,
        "--seed": seed, "--out": path,
    }  # fmt: skip
    code = _engine("sample", _with_checkpoint(app, run), options)
    if code == Exit.OK:
        say(f"wrote {path}")
    return code


def _metrics(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    asked = None if value is None else [name.strip() for name in value.split(",") if name.strip()]
    if asked is not None and (not asked or not {*asked} <= {*METRICS}):
        raise click.BadParameter(f"{value!r}: names out of {', '.join(METRICS)}, separated by commas")
    return None if asked is None else ",".join(asked)


@click.command()
@click.argument("run", metavar="RUN")
@click.option(
    "--metrics",
    metavar="LIST",
    callback=_metrics,
    help=f"Out of {','.join(METRICS)}, separated by commas. Default: the recipe's.",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path, resolve_path=True),
    metavar="FILE",
    help="The extractor's weights, in place of those found.",
)
@click.option("--split", type=click.Choice(["train", "test"]), help="Real images to compare with.")
@click.option("--checkpoint", type=click.Choice(["best", "last"]), help="Weights to score. Default: the best.")
@click.option("--samples", type=click.IntRange(2, 10**7), metavar="N", help="Generated images to score.")
@click.option("--extractor", metavar="NAME", help="Another feature extractor than the recipe's.")
@click.option("--sampler", metavar="NAME", help="Another sampler than the recipe's.")
@click.option("--steps", type=click.IntRange(1, 10_000), help="Sampling steps.")
@click.option("--guidance", type=float, metavar="W", help="Weight of classifier-free guidance.")
@json_option
@pass_app
def evaluate_command(
    app: App,
    run: str,
    metrics: str | None,
    weights: Path | None,
    split: str | None,
    checkpoint: str | None,
    samples: int | None,
    extractor: str | None,
    sampler: str | None,
    steps: int | None,
    guidance: float | None,
    as_json: bool,
) -> int:
    """Score a run's weights; the score joins the leaderboard under its protocol."""
    found = _with_checkpoint(app, run)
    flags = ["--json"] if as_json else []
    options = {
        "--metrics": metrics, "--weights": weights, "--split": split, "--checkpoint": checkpoint,
        "--samples": samples, "--extractor": extractor, "--sampler": sampler, "--steps": steps,
        "--guidance": guidance,
    }  # fmt: skip
    code = _engine("evaluate_run", found, options, *flags)
    app.index()
    return code


@click.command()
@click.option("--dataset", metavar="NAME", help="Only this data set.")
@json_option
@pass_app
def leaderboard_command(app: App, dataset: str | None, as_json: bool) -> None:
    """Best scores, ranked within one data set and one protocol; published figures in line.

    Runs that differ in their seed alone are summed up: mean ± standard deviation over the seeds.
    """
    from gentui.text import clean, shorten

    rows = app.index().leaderboard(dataset)
    if as_json:
        out_json(
            [
                {
                    "dataset": row.dataset,
                    "protocol": row.protocol,
                    "metric": row.metric,
                    "rank": row.rank,
                    "run": row.run,
                    "name": row.name,
                    "recipe": row.recipe,
                    "value": row.value,
                    "std": row.std,
                    "seeds": row.seeds,
                    "mean": row.mean,
                    "sd": row.sd,
                    "alarms": [name for _, name in row.alarms],
                    "step": row.step,
                    "seed": row.seed,
                    "floor": row.floor,
                    "reference": row.reference,
                    "source": row.source,
                }
                for row in rows
            ]
        )
        return
    if not rows:
        say("no scores" + (f" on {dataset}" if dataset else " yet") + ": a run is scored as it trains")
        return
    first = True
    for _, group in groupby(rows, key=lambda row: (row.dataset, row.metric, row.protocol)):
        if not first:
            out()
        first = False
        members = list(group)
        out(clean(members[0].heading))
        table(
            ["RANK", "VALUE", "OVER SEEDS", "FLOOR", "STEP", "SEED", "RUN", "RECIPE", "PUBLISHED", "ALARMS", "NAME"],
            [
                [
                    row.rank, plus_minus(row.value, row.std, number), over_seeds(row, number), number(row.floor),
                    row.step, row.seed, row.run or "(published)", row.recipe,
                    number(row.reference) if row.run else "", shorten(health.named(row.alarms), 40),
                    row.name if row.run else row.source,
                ]
                for row in members
            ],
            right=["RANK", "VALUE", "OVER SEEDS", "FLOOR", "STEP", "SEED", "PUBLISHED"],
        )  # fmt: skip
