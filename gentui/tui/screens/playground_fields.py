"""The fields of the playground: what can be drawn, as ``gentui sample`` takes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gentui.text.sanitize import clean
from gentui.tui.widgets.settings_entry import Entry, as_text

if TYPE_CHECKING:
    from engine.recipes.labels import Labels
    from engine.recipes.recipe import FormField, Recipe

ANY = "any"
IMAGES, FRAMES = 16, 12
LABEL, CHECKPOINT, OUT = "label", "checkpoint", "out"


def entries_of(recipe: Recipe, labels: Labels | None, checkpoints: Sequence[str]) -> list[Entry | str]:
    """The fields of the playground, by the names that the command line has. ``labels`` of a conditional method."""
    from engine.recipes import sample_options

    fields: list[tuple[str, FormField]] = []
    if labels is not None:
        fields += _label_fields(labels)
    fields += sample_options.adjustable_fields(recipe).items()
    seed = recipe.train.seed
    numbers = (
        ("images", "n", IMAGES, "number of images; between two seeds, of pairs"),
        ("seed", "seed", seed, "of the noise: the same seed gives the same images"),
        (
            "to seed",
            "to-seed",
            None,
            "second seed: interpolate from the images of one to those of the other",
        ),
        ("frames", "frames", FRAMES, "number of interpolation frames between the two seeds"),
        (
            "neighbours",
            "neighbours",
            None,
            "nearest training images beside each image; empty: none",
        ),
    )
    fields += [(name, _field(key, value, "whole number", help_)) for name, key, value, help_ in numbers]
    fields.append(
        ("checkpoint", _field(CHECKPOINT, checkpoints[0], "choice", "the weights", tuple(checkpoints)))
    )
    name = f"{clean(recipe.name, 60).replace('/', '-')}-samples.png"
    formats = "the file that s writes: .png a grid, .gif the sampling process, .npy the numbers"
    fields.append(("file", _field(OUT, name, "text", formats)))
    return [Entry(field, clean(name, 40), as_text(field.value), as_text(field.value)) for name, field in fields]


def _label_fields(labels: Labels) -> Iterable[tuple[str, FormField]]:
    """A choice of a class; or of attributes: which of each group, and whether each that stands alone."""
    if labels.classes:
        yield (
            LABEL,
            _field(LABEL, ANY, "choice", "what the images show", (ANY, *map(safe, labels.classes))),
        )
        return
    for number, part in enumerate(labels.group_ranges):
        names = tuple(safe(labels.attributes[index]) for index in part)
        about = "any: drawn for each image" if len(names) > 1 else "whether the images have it"
        choices = (ANY, *names) if len(names) > 1 else ("no", "yes")
        own = ANY if len(names) > 1 else "no"
        yield _common(names), _field(f"{LABEL}.{number}", own, "choice", about, choices)


def label_of(labels: Labels, texts: Mapping[str, str]) -> str:
    """The label that the fields choose, as the command line takes it; "" for any."""
    if labels.classes:
        chosen = texts.get(LABEL, ANY)
        names = [safe(name) for name in labels.classes]
        return "" if chosen == ANY else str(names.index(chosen)) if chosen in names else chosen
    attributes = []
    for number, part in enumerate(labels.group_ranges):
        chosen = texts.get(f"{LABEL}.{number}", ANY)
        if len(part) == 1 and chosen == "yes":
            attributes.append(labels.attributes[part[0]])
        attributes += [
            labels.attributes[i] for i in part if len(part) > 1 and safe(labels.attributes[i]) == chosen
        ]
    return ",".join(attributes)


def _field(key: str, value: Any, kind: str, help_text: str, choices: tuple[str, ...] = ()) -> FormField:
    from engine.recipes.recipe import FormField

    return FormField(key, value, value, kind, help_text, choices)


def safe(name: str) -> str:
    return clean(name, 60)


def _common(names: tuple[str, ...]) -> str:
    """What a group of attributes is about: the last words that all names share (``black hair``, ``red hair``)."""
    words = [name.replace("_", " ").split() for name in names]
    shared = []
    for endings in zip(*(reversed(parts) for parts in words), strict=False):
        if len({*endings}) > 1:
            break
        shared.insert(0, endings[0])
    return " ".join(shared) or names[0] + " …"
