"""What the shell offers after Tab: ids of runs, recipes, settings and their values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

MOST_RUNS = 200
"""The newest runs that are offered."""


class RunWord(click.ParamType):
    """A run as a user names it: its id, a prefix of it, its name, or ``latest``."""

    name = "run"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from engine.runs.directory import list_runs
        from gentui.config.home import home_path

        home = home_path(ctx.find_root().params.get("home"))
        ids = sorted((run.id for run in list_runs(home)), reverse=True)
        offered = ["latest", *islice((i for i in ids if i.startswith(incomplete)), MOST_RUNS)]
        return [
            CompletionItem(word, help=_named(home / "runs" / word))
            for word in offered
            if word.startswith(incomplete)
        ]


class RecipeWord(click.ParamType):
    """A recipe of the menu by name, or the path of a file."""

    name = "recipe"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        if "/" in incomplete or incomplete.startswith("."):
            return [CompletionItem(incomplete, type="file")]
        from engine.recipes.recipe import menu

        recipes, _ = menu()
        return [CompletionItem(r.name, help=r.title) for r in recipes if r.name.startswith(incomplete)]


class SettingWord(click.ParamType):
    """``KEY=VALUE``: a setting of the recipe that the command line names before it."""

    name = "setting"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from engine.recipes.recipe import RecipeError, UnknownRecipe, load

        for recipe in _recipes_before(ctx):
            try:
                fields = {field.key: field for field in load(recipe).form()}
            except (RecipeError, UnknownRecipe):
                continue
            key, equals, value = incomplete.partition("=")
            if not equals:
                return [CompletionItem(f"{k}=", help=f.help) for k, f in fields.items() if k.startswith(key)]
            choices = fields[key].choices if key in fields else ()
            return [CompletionItem(f"{key}={choice}") for choice in choices if choice.startswith(value)]
        return []


def _recipes_before(ctx: click.Context) -> Iterator[str]:
    yield from (word for word in ctx.args if not word.startswith("-"))  # not taken apart: a value is missing
    for name in ("recipes", "recipe", "name"):
        given: Any = ctx.params.get(name)
        yield from (given,) if isinstance(given, str) else given or ()


def _named(run: Path) -> str:
    """What the menu of completions says of a run."""
    try:
        info = json.loads((run / "run.json").read_bytes())
    except (OSError, ValueError):
        return ""
    words: Iterable[object] = (info.get("recipe"), info.get("name")) if isinstance(info, dict) else ()
    return " · ".join(dict.fromkeys(word for word in words if isinstance(word, str) and word))


RUN, RECIPE, SETTING = RunWord(), RecipeWord(), SettingWord()
