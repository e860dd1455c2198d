"""``sample``."""

from __future__ import annotations

from pathlib import Path

import click

from engine.runs.directory import CheckpointChoice
from gentui.cli.console import App, pass_app, say
from gentui.cli.engine_process import checkpoint_option, run_engine, with_checkpoint
from gentui.cli.errors import Exit
from gentui.cli.words import RUN

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
@click.argument("run", metavar="RUN", type=RUN)
@click.option(
    "-n", "--n", "--samples", "count", type=click.IntRange(1, 10**6), metavar="N", help="Number of images."
)
@click.option(
    "--label",
    help="A class by name or number, or comma-separated attributes (default: all classes).",
)
@click.option("--steps", type=click.IntRange(1, 10_000), metavar="N", help="Number of sampling steps.")
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
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Random seed of the noise.")
@click.option(
    "--to-seed",
    type=click.IntRange(0, 2**63 - 1),
    metavar="N",
    help="Interpolate between the images of --seed and of this seed.",
)
@click.option(
    "--frames", type=click.IntRange(2, 240), metavar="N", help="Number of interpolation frames (default: 12)."
)
@click.option(
    "--neighbours",
    type=click.IntRange(1, 16),
    metavar="K",
    help="Show beside each image its K nearest training images (in pixels), one row each.",
)
@checkpoint_option("STEP: one that train.keep kept (default: best, else last).")
@click.option("--device", metavar="D", help="cpu, cuda or cuda:K (default: the first GPU, else the CPU).")
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
