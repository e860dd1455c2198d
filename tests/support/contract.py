"""The public contract as data: commands with their options, shapes of JSON, exit codes, the layout of a home.

``python -m tests.support.contract`` trains one tiny run in a temporary home and writes ``tests/contract.json`` anew: do
that only when the contract is meant to change, and say so in the CHANGELOG.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

CONTRACT = Path(__file__).parents[1] / "contract.json"
GENTUI = [sys.executable, "-P", "-m", "gentui"]
RUN = (
    "run", "digits-unet", "--quick", "--seed", "3", "--device", "cpu", "--wait", "--json", "--name", "contract",
    "-o", "train.steps=4", "-o", "model.channels=8", "-o", "model.multipliers=[1, 1]", "-o", "model.groups=4",
    "-o", "evaluate.samples=20", "-o", "evaluate.times=1", "-o", "sample.times=1", "-o", "train.precision=fp32",
)  # fmt: skip
FILES = ("run.json", "state.json", "marks.json")
READ = {
    "runs": ("runs", "--json"),
    "show": ("show", "latest", "--json"),
    "leaderboard": ("leaderboard", "--json"),
    "recipes": ("recipes", "--json"),
    "compare": ("compare", "latest", "latest", "--json"),
    "doctor": ("doctor", "--json"),
    "data list": ("data", "list", "--json"),
    "export": ("export", "-f", "json"),
}
VARIABLE = ("metrics", "versions", "machine", "settings", "values", "evaluations", "scores")
"""Objects whose keys are data, not contract."""
EXITS = {
    "a run of that name is not there": ("show", "nothing-of-this-name"),
    "an unknown command": ("frobnicate",),
    "an unknown option": ("runs", "--frobnicate"),
    "an unknown recipe": ("run", "no-such-recipe"),
    "a mistake in an override": ("run", "digits-unet", "-o", "optim.lr=fast"),
    "data that is missing": ("run", "celeba-unet"),
    "an unknown data set": ("data", "fetch", "nope"),
    "a checkpoint that is not there": ("sample", "latest", "--checkpoint", "999", "-o", "x.png"),
    "help": ("--help",),
    "version": ("--version",),
}


def commands(group: click.Group) -> dict[str, Any]:
    """Every command with its parameters: names, kinds, whether required, repeated, a flag; choices, but no help."""
    context = click.Context(group, info_name="gentui")
    found: dict[str, Any] = {"": parameters(group)}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        found[name] = parameters(command)
        if isinstance(command, click.Group):
            found |= {f"{name} {sub}": shape for sub, shape in commands(command).items() if sub}
    return found


def parameters(command: click.Command) -> list[dict[str, Any]]:
    """The parameters of one command, in order."""
    return [
        {
            "names": sorted([*parameter.opts, *parameter.secondary_opts]),
            "kind": parameter.param_type_name,
            "required": parameter.required,
            "repeated": parameter.multiple or parameter.nargs == -1,
            "flag": getattr(parameter, "is_flag", False),
            "choices": list(getattr(parameter.type, "choices", ())),
        }
        for parameter in command.params
    ]


def shape(value: Any) -> Any:
    """The keys and types of a JSON value; of a list, those of all its items together."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        together: Any = None
        for item in value:
            together = merged(together, shape(item))
        return [] if together is None else [together]
    return {bool: "bool", int: "number", float: "number", str: "text", type(None): "null"}[type(value)]


def merged(first: Any, second: Any) -> Any:
    """Two shapes as one: keys of either, alternatives joined by ``|``."""
    if first is None or first == second:
        return second
    if isinstance(first, dict) and isinstance(second, dict):
        return {
            key: merged(first.get(key), second[key]) if key in second else first[key]
            for key in {**first, **second}
        }
    if isinstance(first, list) and isinstance(second, list):
        return [merged(first[0] if first else None, second[0])] if second else first
    words = {
        word for one in (first, second) for word in (one.split("|") if isinstance(one, str) else ["object"])
    }
    return "|".join(sorted(words))


def broken(promised: Any, kept: Any, at: str = "") -> list[str]:
    """Where ``kept`` lacks something ``promised``, as sentences. More keys and more words are no break."""
    match promised, kept:
        case dict(), dict():
            is_data = at.rpartition(".")[2] in VARIABLE
            gone = [] if is_data else [f"{at}.{key} is gone" for key in promised if key not in kept]
            inner = (broken(promised[key], kept[key], f"{at}.{key}") for key in promised if key in kept)
            return gone + [line for lines in inner for line in lines]
        case [dict() | list() as item], [dict() | list() as now]:
            return broken(item, now, f"{at}[]")
        case list(), list():
            return [f"{at}: {item} is gone" for item in promised if kept and item not in kept]
        case str(), str() if at.startswith((".json", ".files")):
            words, now = set(promised.split("|")), set(kept.split("|"))
            return [] if words & now or "null" in words | now else [f"{at} was {promised} and is {kept}"]
    nullable = "null" in (promised, kept) or (isinstance(promised, str) and "null" in promised)
    return [] if promised == kept or nullable else [f"{at} was {promised!r} and is {kept!r}"]


def layout(folder: Path) -> list[str]:
    """The files below a folder, with run ids and steps replaced by placeholders; what the platform adds is left out."""
    found = set()
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if (path.is_file() or path.is_symlink()) and not re.search(
            r"-(wal|shm)$|\.lock$|(^|/)lock$|^cache/", name
        ):
            name = re.sub(r"\d{8}-\d{6}-\w+", "<run>", name)
            found.add(re.sub(r"\d{6,}|(?<=step-)\d+", "<step>", name))
    return sorted(found)


def records(run: Path) -> dict[str, list[str]]:
    """The fields of every kind of event, over all attempts."""
    fields: dict[str, set[str]] = {}
    for path in sorted(run.glob("events-*.jsonl")):
        for line in path.read_text().splitlines():
            event = json.loads(line[line.index("{") :])  # a checksum stands before it
            fields.setdefault(event["kind"], set()).update(event)
    return {kind: sorted(names) for kind, names in sorted(fields.items())}


def observe(folder: Path) -> dict[str, Any]:
    """The contract as this tree keeps it. ``folder`` is empty and takes a home."""
    home = folder / "home"
    env = {**os.environ, "GENTUI_HOME": str(home), "GENTUI_DATA": str(folder / "data"), "OMP_NUM_THREADS": "1"}

    def gentui(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*GENTUI, *words], env=env, cwd=folder, capture_output=True, text=True, timeout=300
        )

    trained = gentui(*RUN)
    assert trained.returncode == 0, trained.stderr
    tagged = gentui("tag", "latest", "+good")
    assert tagged.returncode == 0, tagged.stderr
    result = json.loads(trained.stdout)
    run = Path(result["dir"])
    output = {name: json.loads(gentui(*words).stdout) for name, words in READ.items()}
    output["run --wait"] = result
    output["doctor"] = {"checks": [{**check, "name": "text"} for check in output["doctor"]["checks"]][:1]}
    return {
        "json": {name: shape(value) for name, value in output.items()},
        "exit codes": {name: gentui(*words).returncode for name, words in EXITS.items()},
        "home": layout(home),
        "files": {
            name: shape(json.loads((run / name).read_text()))
            for name in ("run.json", "state.json", "marks.json")
        },
        "events": records(run),
    }


def main() -> None:
    from gentui.cli.main import cli

    with tempfile.TemporaryDirectory() as folder:
        contract = {"commands": commands(cli), **observe(Path(folder))}
    CONTRACT.write_text(json.dumps(contract, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
