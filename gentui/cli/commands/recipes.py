"""``recipes``, ``recipe``, ``run``."""

from __future__ import annotations

import sys
from itertools import repeat
from typing import TYPE_CHECKING, Any

import click

from gentui.cli.console import (
    App,
    complain,
    json_option,
    on_option,
    out_bytes,
    out_json,
    override_option,
    pass_app,
    say,
    table,
    wide_option,
)
from gentui.cli.errors import Exit, Failure
from gentui.cli.words import RECIPE
from gentui.text.numbers import clock, plain_number, plural

if TYPE_CHECKING:
    from engine.recipes.axes import Axis
    from engine.recipes.recipe import Recipe
    from engine.settings.diagnostics import Problem
    from gentui.runs.planning import Planned

quick_option = click.option(
    "--quick",
    is_flag=True,
    help="Short test run: few steps, to see that everything works.",
)


@click.command()
@click.option("--family", metavar="FAMILY", help="Only this family: diffusion, gan, vae, dann.")
@click.option(
    "--filter", "words", default="", metavar="TEXT",
    help="Only recipes that have all these words in their names, data sets or settings, as with / in the menu.",
)  # fmt: skip
@click.option(
    "--published", is_flag=True,
    help="List the published figures: of which recipe and nets, how they were made, and whether runs rank with them.",
)  # fmt: skip
@wide_option
@json_option("a list of recipes with data set, steps and published figure")
def recipes_command(family: str | None, words: str, published: bool, as_json: bool) -> None:
    """List the recipes, and whether their data is here.

    DATA: ≈ NAME: the data set is missing, and a short test run (--quick) trains on NAME.
    """
    from engine.recipes.recipe import menu
    from engine.settings import registry

    recipes, problems = menu()
    complain(*registry.failures, *problems)
    families = list(dict.fromkeys(recipe.family for recipe in recipes))
    if family is not None and family not in families:
        raise Failure(f"no recipe of family {family!r}; families are {', '.join(families)}", Exit.NOT_FOUND)
    recipes = [recipe for recipe in recipes if family in (None, recipe.family)]
    if words.strip():
        from gentui.tui.recipe_cards import card_of

        recipes = [recipe for recipe in recipes if card_of(recipe).matches(words)]
    if published:
        _print_published(recipes, as_json)
        return
    rows = [_described(recipe) for recipe in recipes]
    if as_json:
        out_json(rows)
        return
    table(
        ["NAME", "FAMILY", "DATASET", "DATA", "PUBLISHED", "TITLE"],
        [
            [
                row["name"], row["family"], row["dataset"], _data(row), _published(row["reference"]),
                row["title"],
            ]
            for row in rows
        ],
        drop=["FAMILY", "DATASET", "PUBLISHED", "TITLE"],
    )  # fmt: skip


def _described(recipe: Recipe) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "family": recipe.family,
        "dataset": recipe.dataset,
        "title": recipe.title,
        "summary": recipe.summary,
        "reference": recipe.reference.model_dump() if recipe.reference else None,
        "data_here": recipe.data_is_available(),
        "steps": recipe.steps_total(),
        "stand_in": recipe.quick.get("stand_in"),
        "order": recipe.order,
    }


def _print_published(recipes: list[Recipe], as_json: bool) -> None:
    """Print the published figures of recipes, those of one report together."""
    from gentui.runs.published import published_rows

    rows = published_rows(recipes)
    if as_json:
        out_json(rows)
        return
    table(
        ["FIGURE", "RECIPE", "PARAMETERS", "RANKS WITH IT", "PROTOCOL", "SOURCE"],
        [
            [
                f"{row['metric']} {plain_number(row['value'])}", row["recipe"],
                " + ".join(f"{count:,}" for count in row["parameters"].values()),
                "yes" if row["ranks"] else f"no: {row['why_not']}", row["protocol"], row["source"],
            ]
            for row in rows
        ],
    )  # fmt: skip


def _data(row: dict[str, Any]) -> str:
    if row["data_here"]:
        return "here"
    return f"≈ {row['stand_in']}" if row["stand_in"] else "missing"


def _published(reference: dict[str, Any] | None) -> str:
    if not reference or reference["value"] is None:
        return ""
    return f"{reference['metric']} {plain_number(reference['value'])}"


@click.command()
@click.argument("name", metavar="NAME", type=RECIPE)
@override_option
@quick_option
def recipe_command(name: str, overrides: tuple[str, ...], quick: bool) -> None:
    """Print the complete recipe as TOML, with every default."""
    from engine.recipes.recipe import load

    out_bytes(load(name, overrides, quick).to_toml().encode())


@click.command()
@click.argument("recipes", metavar="RECIPE...", nargs=-1, required=True, type=RECIPE)
@override_option
@quick_option
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Random seed (default: the recipe's)."
)
@click.option(
    "--sweep",
    "sweeps",
    multiple=True,
    metavar="KEY=V,V...",
    help="One run per value, such as optim.lr=1e-3,1e-4 or seed=0..2. Repeat for a grid.",
)
@click.option(
    "--random", "chosen", type=click.IntRange(1), metavar="N", help="Only N random combinations of the grid."
)
@click.option("--name", default="", metavar="TEXT", help="Name of the run.")
@click.option("--device", metavar="DEVICE", help="cpu, cuda, cuda:N or auto (default).")
@click.option(
    "--devices", type=click.IntRange(1), metavar="N",
    help="Share every batch between N GPUs (or N processes on the CPU): the same experiment, sooner.",
)  # fmt: skip
@on_option
@click.option(
    "--at-once",
    type=click.IntRange(1),
    metavar="N",
    help="With --on: at most N of several runs at the same time.",
)
@click.option(
    "--wait/--no-wait",
    default=False,
    help="Show progress until the run ends (Ctrl-C leaves it running), or return at once, as without either.",
)
@json_option("the run's id, status, reason, folder, exit code, steps and seconds; a list of several runs")
@pass_app
def run_command(
    app: App,
    recipes: tuple[str, ...],
    overrides: tuple[str, ...],
    quick: bool,
    seed: int | None,
    sweeps: tuple[str, ...],
    chosen: int | None,
    name: str,
    device: str | None,
    devices: int | None,
    on: str | None,
    at_once: int | None,
    wait: bool,
    as_json: bool,
) -> int:
    """Train RECIPE in the background; prints the run's id.

    RECIPE is a name or the path of a .toml file. Several recipes, patterns such as 'digits-*', and `all` are possible:
    each is queued, and --wait prints a table of the results (exit code 1 if any failed). The same holds for a sweep,
    from --sweep or the recipe's own [sweep]; a setting given with -o is not swept.
    """
    from engine.recipes.axes import parse_axis
    from gentui import jobs
    from gentui.cli.batch import after_queueing_all, standing_of_first
    from gentui.cli.progress import after_queueing
    from gentui.jobs.detach import Detach
    from gentui.runs.planning import arrays
    from gentui.text.sanitize import clean

    more = [parse_axis(text) for text in sweeps]
    if seed is not None and any(axis.key == "train.seed" for axis in more):
        raise click.UsageError("--seed and --sweep seed=… exclude each other", click.get_current_context())
    loaded, are_several = _loaded(recipes, overrides, quick)
    label = clean(name, 100).strip()
    plans = _planned(app, loaded, more, label, chosen, device)
    elsewhere = on if on not in (None, "local") else None
    if at_once is not None and elsewhere is None:
        raise click.UsageError(
            "--at-once needs --on: runs of this machine wait for a device", click.get_current_context()
        )
    with Detach() as detach:
        command = ["gentui", *sys.argv[1:]]
        ids = [
            jobs.launch(
                app.home, plan.recipe, name=plan.name, seed=seed, device=device, devices=devices, command=command,
                tags=plan.tags, on=elsewhere, array=array,
            ).id
            for plan, array in zip(plans, arrays(len(plans), at_once) if elsewhere else repeat(None), strict=False)
        ]  # fmt: skip
        if elsewhere:
            say(*standing_of_first(app.home, ids))
        if are_several or len(ids) > 1:
            return after_queueing_all(app.home, ids, wait, as_json, detach)
        return after_queueing(app.home, ids[0], wait, as_json, detach)


def _loaded(words: tuple[str, ...], overrides: tuple[str, ...], quick: bool) -> tuple[list[Recipe], bool]:
    """The recipes that the arguments name, and whether they may name several. Tells what is used in place of what."""
    from engine.recipes.recipe import load
    from gentui.cli.batch import load_all, means_several

    are_several = means_several(words)
    if are_several:
        loaded = load_all(words, overrides, quick)
    else:
        loaded = [load(words[0], overrides, quick)]
        loaded[0].require_data()
    for recipe in loaded:
        who = f"{recipe.name}: " if are_several else ""
        if recipe.stand_in_for:
            say(f"{who}{recipe.stand_in_for} is not on this machine: using {recipe.dataset} instead")
        if note := recipe.probe_note():
            say(f"{who}{note}")
    return loaded, are_several


def _planned(
    app: App, recipes: list[Recipe], more: list[Axis], label: str, chosen: int | None, device: str | None
) -> list[Planned]:
    """The runs to launch. For a sweep it first prints their number and the estimated time."""
    from engine.recipes.recipe import RecipeError
    from gentui.cli.batch import require_all_data
    from gentui.runs import planning

    plans: list[Planned] = []
    problems: list[Problem] = []
    for recipe in recipes:
        try:
            axes = planning.axes_of(recipe, more)
            found = planning.planned(recipe, axes, label, chosen)
        except RecipeError as error:
            problems += error.problems
            continue
        plans += found
        if axes:
            say(
                f"{recipe.name}: {plural(len(found), 'run')} ({planning.shape(axes)}), {_about(app, found, device)}"
            )
    if problems:
        raise RecipeError(list(dict.fromkeys(problems)))
    require_all_data([plan.recipe for plan in plans])
    return plans


def _about(app: App, plans: list[Planned], device: str | None) -> str:
    from gentui.runs import planning

    estimate = planning.Speeds(app.index().runs(), device).of_all(plan.recipe for plan in plans)
    return planning.UNKNOWN if estimate is None else f"one after another {estimate.text(clock)}"
