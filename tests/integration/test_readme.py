"""What the README says of recipes and plug-ins is so."""

import os
import re
import subprocess
import sys
from pathlib import Path

from engine.recipes.recipe import load
from engine.runs.paths import shipped_dir

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def names_in_table() -> list[str]:
    """Recipe names of the table's first column; `a-source` `-dann` stands for a-source and a-dann."""
    found: list[str] = []
    for line in README.partition("\n## Recipes\n")[2].partition("\n## ")[0].splitlines():
        if not line.startswith("| `"):
            continue
        for name in re.findall(r"`(-?\w[\w-]*)`", line.split("|")[1]):
            found.append(found[-1].rsplit("-", 1)[0] + name if name.startswith("-") else name)
    return found


def test_the_table_lists_every_recipe_once():
    shipped = {path.stem for path in shipped_dir().glob("**/*.toml")}
    listed = [name for name in names_in_table() if "-" in name]
    assert sorted(listed) == sorted(shipped)


def test_the_published_figures_are_those_of_the_recipes():
    for line in README.splitlines():
        names = re.findall(r"`([\w-]+)`", line.split("|")[1]) if line.startswith("| `") else []
        if len(names) != 1 or "-" not in names[0]:
            continue
        reference = load(names[0]).reference
        published = line.split("|")[3]
        if reference is not None and reference.value is not None:
            assert (
                f"{reference.value:g}" in published.replace("0 ", " ") or str(reference.value) in published
            ), line
        else:
            assert "—" in published, line


def test_the_plug_in_shown_works(tmp_path):
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "tanh_loss.py").write_text(code[1])
    script = (
        "import torch\nfrom engine.methods.adversarial import build_adversarial\nfrom engine.settings import registry\n"
        "loss = build_adversarial(registry.part('adversarial_loss', 'tanh'))\n"
        "print(float(loss.generator(torch.zeros(3))), registry.failures)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], env={**os.environ, "GENTUI_CONFIG": str(tmp_path)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.strip() in ("0.0 []", "-0.0 []"), done.stderr


def test_every_screenshot_shown_exists():
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file(), path
