"""``sample``, ``leaderboard``."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import click

from engine.runs.directory import CheckpointChoice
from gentui.cli.console import App, json_option, out, out_json, pass_app, say, table
from gentui.cli.engine_process import checkpoint_option, run_engine, with_checkpoint
from gentui.cli.errors import Exit
from gentui.runs import alarms
from gentui.runs.scores import over_seeds
from gentui.text.numbers import plain_number, plus_minus

SAMPLERS = ("heun", "euler", "dpm++", "ddim", "ddpm")  # of those that take steps
FORMATS = {".png": "a grid", ".gif": "the process", ".npy": "uint8 N,C,H,W in [0,255]"}


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
@click.option(
    "--to-seed", type=click.IntRange(0, 2**63 - 1), help="Images between those of --seed and of this seed."
)
@click.option("--frames", type=click.IntRange(2, 240), help="How many from the one to the other: 12.")
@click.option(
    "--neighbours",
    type=click.IntRange(1, 16),
    metavar="K",
    help="Beside each image the K training images nearest to it in pixels; a row each.",
)
@checkpoint_option("STEP: one that train.keep kept. Default: best, where one was scored.")
@click.option("--device", metavar="D", help="cpu, or cuda:K. Default: the first GPU, else the CPU.")
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
    to_seed: int | None,
    frames: int | None,
    neighbours: int | None,
    checkpoint: CheckpointChoice | None,
    device: str | None,
    path: Path,
) -> int:
    """Draw images from a run's weights into FILE.

    .png: a grid; .gif: the process from noise to image; .npy: uint8 N,C,H,W in [0,255]. With --to-seed the
    images lie between those of two seeds, on the sphere of noises: a .png has a row for each of -n pairs (1, or
    one for each class), a .gif goes from the one to the other. With --neighbours each of -n images (8) is followed by
    the training images nearest to it: what it may have learnt by heart.
    """
    options = {
        "n": count, "label": label, "steps": steps, "guidance": guidance, "sampler": sampler, "seed": seed,
        "to-seed": to_seed, "frames": frames, "neighbours": neighbours, "checkpoint": checkpoint, "device": device,
        "out": path,
    }  # fmt: skip
    code = run_engine("sample", with_checkpoint(app, run, checkpoint), options)
    if code == Exit.OK:
        say(f"wrote {path}")
    return code


@click.command()
@click.option("--dataset", metavar="NAME", help="Only this data set.")
@json_option
@pass_app
def leaderboard_command(app: App, dataset: str | None, as_json: bool) -> None:
    """Best scores, ranked within one data set and one protocol; published figures in line.

    Runs that differ in their seed alone are summed up: mean ± standard deviation over the seeds.
    """
    from gentui.text.sanitize import clean, shorten

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
                    row.rank, plus_minus(row.value, row.std, plain_number), over_seeds(row, plain_number),
                    plain_number(row.floor), row.step, row.seed, row.run or "(published)", row.recipe,
                    plain_number(row.reference) if row.run else "", shorten(alarms.named(row.alarms), 40),
                    row.name if row.run else row.source,
                ]
                for row in members
            ],
            right=["RANK", "VALUE", "OVER SEEDS", "FLOOR", "STEP", "SEED", "PUBLISHED"],
        )  # fmt: skip
