"""The fields of the settings form: the important ones first, then all others by table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gentui.text.sanitize import clean
from gentui.tui.widgets.settings_entry import Entry, as_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.recipes.axes import Axis
    from engine.recipes.recipe import FormField, Recipe

NAME, SEED, DEVICES, PLACE = "name", "train.seed", "devices", "on"
HERE = "local"
"""The place that ``--on`` calls this machine."""
IMPORTANT = (
    "train.seed", "optim.lr", "train.steps", "train.epochs", "data.batch_size", "data.dataset", "data.path",
    "data.image_size", "model.net", "method.name",
)  # fmt: skip
ALSO_KNOWN_AS = {"method.name": "method"}
"""Names of important settings that would say nothing without their table."""
TABLES = {
    "data": "images and augmentation",
    "model": "the net",
    "method": "the loss and its noise",
    "optim": "the optimiser",
    "schedule": "the learning rate over time",
    "train": "length, precision, checkpoints",
    "sample": "sample grids",
    "evaluate": "scores",
    "health": "alarms",
}


def places(home: Path) -> tuple[str, ...]:
    """The places a run can go to, this machine first; none if there is no other that has a name. Raises JobError."""
    from gentui.jobs.launchers.hosts import SLURM, hosts
    from gentui.jobs.launchers.slurm import clients

    if not (names := hosts(home)):
        return ()
    return (HERE, *names, *((SLURM,) if clients.is_here() else ()))


def place_field(value: str, choices: Sequence[str]) -> FormField:
    """The field that says where runs train."""
    from engine.recipes.recipe import FormField

    help_text = "where it trains: local is this machine, the others are hosts of hosts.toml"
    return FormField(PLACE, value, HERE, "text", help_text, tuple(choices))


def lines_of(
    recipe: Recipe, own: Mapping[str, str], axes: Mapping[str, Axis], name: str, devices: int,
    place: FormField | None,
) -> list[Entry | str]:  # fmt: skip
    """The entries and headings of a recipe. ``own``: the texts that a reset restores; ``axes``: what is swept."""
    from engine.recipes.recipe import FormField

    settings = {field.key: field for field in recipe.form()}

    def entry(key: str, label: str) -> Entry:
        text = joined(axes[key]) if key in axes else as_text(settings[key].value)
        return Entry(settings[key], clean(label, 60), text, own.get(key, text))

    lines: list[Entry | str] = [
        Entry(FormField(NAME, name, "", "text", "name of the run; may be empty"), "name", name, "")
    ]
    lines += [entry(key, ALSO_KNOWN_AS.get(key, key.partition(".")[2])) for key in IMPORTANT if key in settings]
    shared = "GPUs, or processes on a CPU, that share every batch: the same experiment, sooner"
    lines.append(Entry(FormField(DEVICES, devices, 1, "integer", shared), "devices", str(devices), "1"))
    if place is not None:
        lines.append(Entry(place, "place", str(place.value), HERE))
    table = ""
    for key in settings:
        head, _, rest = key.partition(".")
        if key in IMPORTANT:
            continue
        if head != table:
            table = head
            lines.append(f"{clean(head, 40)} · {TABLES[head]}" if head in TABLES else clean(head, 40))
        lines.append(entry(key, rest))
    return lines


def own_texts(recipe: Recipe, axes: Mapping[str, Axis]) -> dict[str, str]:
    """The texts of a recipe's settings by key, of its own sweep as they are typed."""
    texts = {field.key: as_text(field.value) for field in recipe.form()}
    return texts | {key: joined(axis) for key, axis in axes.items()}


def joined(axis: Axis) -> str:
    """The values of an axis as they are typed."""
    return "|".join(map(as_text, axis.values))
