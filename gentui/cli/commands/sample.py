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

SAMPLERS = ("heun", "euler", "dpm++", "ddim", "ddpm")  # those that take steps
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
@click.option("-n", "--n", "count", type=click.IntRange(1, 10**6), help="Number of images.")
@click.option(
    "--label",
    help="A class by name or number, or comma-separated attributes (default: all classes).",
)
@click.option("--steps", type=click.IntRange(1, 10_000), help="Number of sampling steps.")
@click.option(
    "--guidance",
    type=float,
    metavar="W",
    help="Weight of classifier-free guidance, if trained for it: (1+W)·conditional - W·unconditional.",
)
@click.option(
    "--sampler",
    metavar="NAME",
    help=f"Sampler to use instead of the recipe's: {', '.join(SAMPLERS)}.",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Random seed of the noise.")
@click.option(
    "--to-seed",
    type=click.IntRange(0, 2**63 - 1),
    help="Interpolate between the images of --seed and of this seed.",
)
@click.option("--frames", type=click.IntRange(2, 240), help="Number of interpolation frames (default: 12).")
@click.option(
    "--neighbours",
    type=click.IntRange(1, 16),
    metavar="K",
    help="Show beside each image its K nearest training images (in pixels), one row each.",
)
@checkpoint_option("STEP: one that train.keep kept (default: best, else last).")
@click.option("--device", metavar="D", help="cpu or cuda:K (default: the first GPU, else the CPU).")
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
    """Generate images from a run's checkpoint and write them to FILE.

    .png: a grid; .gif: the process from noise to image; .npy: uint8 N,C,H,W in [0,255]. With --to-seed the noise is
    interpolated spherically between two seeds: a .png has one row for each of -n pairs (default 1, or one per class),
    a .gif moves from one to the other. With --neighbours each of -n images (default 8) is followed by its nearest
    training images, which shows memorisation.
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
@click.option("--dataset", metavar="NAME", help="Only scores on this data set.")
@json_option
@pass_app
def leaderboard_command(app: App, dataset: str | None, as_json: bool) -> None:
    """Rank the best scores within each data set and protocol, beside published figures.

    Runs that differ only in their seed are summarised: mean ± standard deviation over the seeds.
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
