"""What README and ``docs/recipes.md`` say of recipes and plug-ins is so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from engine.recipes.recipe import load, menu
from engine.runs.paths import shipped_dir

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
README = (ROOT / "README.md").read_text()
RECIPES = (ROOT / "docs" / "recipes.md").read_text()
TABLES = RECIPES.partition("\n## All recipes\n")[2].partition("\n## ")[0]
FAMILIES = {"diffusion": "Diffusion", "gan": "GANs", "vae": "Autoencoders", "dann": "Domain adaptation"}


def names_in_tables() -> list[str]:
    """Recipe names of the tables' first column; `a-source` `-dann` stands for a-source and a-dann."""
    found: list[str] = []
    for line in TABLES.splitlines():
        if not line.startswith("| `"):
            continue
        for name in re.findall(r"`(-?\w[\w-]*)`", line.split("|")[1]):
            found.append(found[-1].rsplit("-", 1)[0] + name if name.startswith("-") else name)
    return found


def test_the_tables_list_every_recipe_once():
    shipped = {path.stem for path in shipped_dir().glob("**/*.toml")}
    assert sorted(names_in_tables()) == sorted(shipped)


def test_the_published_figures_are_those_of_the_recipes():
    for line in TABLES.splitlines():
        names = re.findall(r"`([\w-]+)`", line.split("|")[1]) if line.startswith("| `") else []
        if len(names) != 1:
            continue
        reference = load(names[0]).reference
        published = line.split("|")[3]
        if reference is not None and reference.value is not None:
            assert (
                f"{reference.value:g}" in published.replace("0 ", " ") or str(reference.value) in published
            ), line
        else:
            assert "—" in published, line


def test_the_readme_counts_the_recipes_of_each_family():
    recipes, _ = menu()
    for family, title in FAMILIES.items():
        row = next(line for line in README.splitlines() if line.startswith(f"| [{title}]"))
        assert int(row.split("|")[2]) == sum(recipe.family == family for recipe in recipes), row
    assert f"{len(recipes)} recipes ship" in README


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


def test_the_plug_ins_shown_make_a_recipe_that_trains(tmp_path):
    """The three files of ``docs/recipes.md``, in a config directory of their own."""
    files = re.findall(
        r"^```(?:python|toml)\n# ((?:plugins|recipes)/\S+)\n(.*?)^```$", RECIPES, re.DOTALL | re.MULTILINE
    )
    assert [Path(name).parent.name for name, _ in files] == ["plugins", "plugins", "recipes"]
    for name, text in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    environment = {
        **os.environ, "GENTUI_CONFIG": str(tmp_path), "GENTUI_HOME": str(tmp_path / "home"), "GENTUI_THREADS": "1",
    }  # fmt: skip
    for command in ("recipe digits-linear-gan", "run digits-linear-gan -o train.steps=20 --wait"):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "gentui", *command.split()],
            env=environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0 and "could not be loaded" not in done.stderr, done.stderr
