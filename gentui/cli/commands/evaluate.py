"""``evaluate``: queue an evaluation and wait for it or, with ``--now``, run it at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gentui.cli.console import App, complain, json_option, on_option, out, out_json, pass_app, say
from gentui.cli.engine_process import checkpoint_option, run_engine, with_checkpoint
from gentui.cli.errors import Exit, Failure
from gentui.cli.words import RUN

if TYPE_CHECKING:
    from gentui.jobs.detach import Detach
    from gentui.jobs.job_types import EvaluationDir

METRICS = "fid,kid,isc,prc,intra_fid,fid_inf"
LABELS = ("data", "uniform")


def _metrics(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    from engine.recipes.evaluate_options import parse_metrics

    try:
        return ",".join(parse_metrics(value))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _labels(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is None or value in LABELS:
        return value
    path = Path(value).expanduser().absolute()  # the job runs in another directory
    if not path.is_file():
        raise click.BadParameter(f"{value!r}: {', '.join(LABELS)}, or a file that is there")
    return str(path)


@click.command()
@click.argument("run", metavar="RUN", type=RUN)
@click.option(
    "--metrics", metavar="LIST", callback=_metrics,
    help=f"Comma-separated list out of {METRICS} (default: the recipe's).",
)  # fmt: skip
@click.option(
    "--weights", type=click.Path(resolve_path=True), metavar="FILE",
    help="Use these extractor weights instead of the installed ones.",
)  # fmt: skip
@click.option("--split", type=click.Choice(["train", "test"]), help="Real images to compare with.")
@checkpoint_option("Checkpoint to evaluate; STEP: one that train.keep kept (default: best).")
@click.option(
    "-n",
    "--samples",
    type=click.IntRange(2, 10**7),
    metavar="N",
    help="Number of generated images.",
)
@click.option(
    "--noises", type=click.IntRange(1, 100), metavar="K",
    help="Score so many sets of images, each from other noise: mean ± standard deviation (default: the recipe's).",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0, 10**6), metavar="S",
    help="Draw other noises than those of the report after training (default: the recipe's).",
)  # fmt: skip
@click.option(
    "--labels", metavar="data|uniform|FILE", callback=_labels,
    help="Labels of the images: as frequent as in the training data, all equally often, or FILE with one a line.",
)  # fmt: skip
@click.option(
    "--statistics", type=click.Path(resolve_path=True), metavar="FILE",
    help="Compare with the real images' features (.npy), or mean and covariance (.npz), in FILE.",
)  # fmt: skip
@click.option(
    "--as-published", is_flag=True, callback=lambda ctx, param, given: given or None,
    help="Score as the recipe's published figure was made, so that both are ranked together; further options apply.",
)  # fmt: skip
@click.option("--extractor", metavar="NAME", help="Feature extractor to use instead of the recipe's.")
@click.option("--sampler", metavar="NAME", help="Sampler to use instead of the recipe's.")
@click.option("--steps", type=click.IntRange(1, 10_000), metavar="N", help="Number of sampling steps.")
@click.option("--guidance", type=float, metavar="W", help="Weight of classifier-free guidance.")
@on_option
@click.option("--now", is_flag=True, help="Evaluate at once, beside running jobs, instead of queueing.")
@click.option(
    "--wait/--no-wait",
    default=True,
    help="Show progress and print the scores, as without either; or print the job's id and return.",
)
@json_option("the scores, each with its protocol, or the queued job without --wait")
@pass_app
def evaluate_command(
    app: App, run: str, on: str | None, now: bool, wait: bool, as_json: bool, **options: Any
) -> int:
    """Evaluate a run's checkpoint; the scores join the leaderboard under their protocol, as the run's newest report.

    The evaluation is queued and starts when the device is free. Ctrl-C stops waiting, not the evaluation.
    """
    if now and not wait:
        raise click.UsageError("--now and --no-wait exclude each other", click.get_current_context())
    if now and on not in (None, "local"):
        raise click.UsageError("--now is here, and --on elsewhere: leave one out", click.get_current_context())
    found = with_checkpoint(app, run, options["checkpoint"])
    _check(found.recipe_path, options)
    if now:
        return run_engine("evaluate", found, options, *(["--json"] if as_json else []))
    from gentui import jobs
    from gentui.jobs.detach import Detach

    with Detach() as detach:
        job = jobs.evaluate(app.home, found.id, options, command=["gentui", *sys.argv[1:]], on=on)
        return after_queueing_evaluation(app, job, wait, as_json, detach)


def _check(recipe: Path, options: dict[str, Any]) -> None:
    """Fail now on options that would otherwise fail when the job starts."""
    from engine.recipes.evaluate_options import OPTIONS, with_evaluate_options
    from engine.recipes.recipe import RecipeError, UnknownRecipe, load

    try:
        chosen = load(recipe)
    except (RecipeError, UnknownRecipe) as error:
        raise Failure(str(error), Exit.USAGE) from None
    try:
        chosen = with_evaluate_options(
            chosen, {name: options[name] for name in OPTIONS}, bool(options["as_published"])
        )
    except RecipeError as error:
        raise Failure(error.one_line, Exit.USAGE) from None
    chosen.require_data()


def _print_queued(job: EvaluationDir, as_json: bool) -> None:
    if as_json:
        out_json({"id": job.id, "run": job.run().id, "status": job.read_state().status})
    else:
        out(job.id)


def after_queueing_evaluation(app: App, job: EvaluationDir, wait: bool, as_json: bool, detach: Detach) -> int:
    """Print the id of a queued evaluation or, with ``wait``, its progress and scores.

    Returns the exit code: the engine's own if it refused the options (2) or something was missing (3, 4).
    """
    from gentui.cli.progress import watch_evaluation

    if not wait:
        _print_queued(job, as_json)
        return Exit.OK
    say(f"queued {job.id}")
    state = watch_evaluation(app.home, job, detach)
    if not state.ended:
        say(f"{job.id} stays in the queue; `gentui stop {job.id}` removes it")
        if as_json:
            _print_queued(job, as_json)
        return Exit.INTERRUPTED
    if state.status != "done":
        refused = state.status == "failed" and state.exit_code in (Exit.USAGE, Exit.NOT_FOUND, Exit.CANNOT)
        complain(state.reason if state.status == "failed" else f"{state.status}: {state.reason}")
        return state.exit_code if refused and state.exit_code else Exit.RUN_FAILED
    from engine.recipes.evaluate_options import score_line
    from gentui.text.sanitize import clean

    try:
        scores = job.scores()
        lines = [score_line(score).split("\t") for score in scores]
    except (OSError, ValueError, KeyError, TypeError):
        raise Failure(f"{job.id} is done, but no scores can be read from {job.scores_path}") from None
    if as_json:
        out_json(scores)
        return Exit.OK
    for line in lines:
        out("\t".join(map(clean, line)))
    return Exit.OK
