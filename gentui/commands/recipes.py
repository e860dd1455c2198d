"""``recipes``, ``recipe``, ``run``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from gentui.commands.console import App, number, out, out_json, pass_app, say, table

if TYPE_CHECKING:
    from engine.recipe import Recipe

override_option = click.option(
    "-o", "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting, as optim.lr=1e-4."
)
quick_option = click.option("--quick", is_flag=True, help="The [quick] form: under a minute on two CPU cores.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def recipes_command(as_json: bool) -> None:
    """What can be trained, and whether its data is here."""
    from engine import registry
    from engine.recipe import menu

    recipes, problems = menu()
    say(*registry.failures, *problems)
    rows = [_described(recipe) for recipe in recipes]
    if as_json:
        out_json(rows)
        return
    table(
        ["NAME", "FAMILY", "DATASET", "DATA", "PUBLISHED", "TITLE"],
        [
            [
                row["name"], row["family"], row["dataset"], "here" if row["data_here"] else "missing",
                _published(row["reference"]), row["title"],
            ]
            for row in rows
        ],
    )  # fmt: skip


def _described(recipe: Recipe) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "family": recipe.family,
        "dataset": recipe.dataset,
        "title": recipe.title,
        "summary": recipe.summary,
        "reference": recipe.reference.model_dump() if recipe.reference else None,
        "data_here": recipe.data_is_here(),
        "steps": recipe.steps_total(),
    }


def _published(reference: dict[str, Any] | None) -> str:
    if not reference or reference["value"] is None:
        return ""
    return f"{reference['metric']} {number(reference['value'])}"


@click.command()
@click.argument("name", metavar="NAME")
@override_option
@quick_option
def recipe_command(name: str, overrides: tuple[str, ...], quick: bool) -> None:
    """The resolved recipe as TOML: every setting, defaults too."""
    from engine.recipe import load

    out(load(name, overrides, quick).to_toml().rstrip("\n"))


@click.command()
@click.argument("recipe", metavar="RECIPE")
@override_option
@quick_option
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Instead of the recipe's.")
@click.option("--name", default="", metavar="TEXT", help="A label for the run.")
@click.option("--device", metavar="DEVICE", help="cpu, cuda:N or auto (default).")
@click.option("--wait", is_flag=True, help="Show progress and end with the run. Ctrl-C leaves it running.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@pass_app
def run_command(
    app: App,
    recipe: str,
    overrides: tuple[str, ...],
    quick: bool,
    seed: int | None,
    name: str,
    device: str | None,
    wait: bool,
    as_json: bool,
) -> int:
    """Train RECIPE (a name, or a path to a .toml file) in the background; prints the run's id."""
    from engine.recipe import load
    from gentui import jobs
    from gentui.progress import Leaving, after_queueing
    from gentui.text import clean

    loaded = load(recipe, overrides, quick)
    loaded.require_data()
    if loaded.stand_in_for:
        say(f"{loaded.stand_in_for} is not on this machine: {loaded.dataset} stands in for it")
    with Leaving() as leaving:
        command = ["gentui", *sys.argv[1:]]
        label = clean(name, 100).strip()
        run = jobs.launch(app.home, loaded, name=label, seed=seed, device=device, command=command)
        return after_queueing(app.home, run.id, wait, as_json, leaving)
