"""Figures of domain adaptation: t-SNE of the features of two domains, and the confusion matrix on the target.

Both show the target's labels to the reader; neither training nor the selection of a checkpoint uses them. The numbers
of each picture are saved beside it as JSON, from which the app draws it in a terminal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.data.dataset import Split, to_float
from engine.figures import FigureContext, Picture
from engine.figures.plots import Points, save_panels, save_table
from engine.methods import Classifies
from engine.runs.files import write_atomically
from engine.settings.figures import TSNE, Confusion

BATCH = 512


def tsne(settings: TSNE, context: FigureContext) -> Iterator[Picture]:
    """t-SNE (van der Maaten & Hinton 2008) of validation features of both domains, coloured by class and by domain.

    There is no figure when a feature is not finite or there are fewer than 4 images.
    """
    domains = _validation_splits(context)
    each = settings.images // len(domains)
    chosen = {name: split.take(torch.arange(min(each, len(split)))) for name, split in domains.items()}
    features = torch.cat(
        [_classified(context, split.images, domain == "target")[0] for domain, split in chosen.items()]
    )
    if not features.isfinite().all() or len(features) < 4:
        return
    from sklearn.manifold import TSNE as Embedding  # imported here: it takes a second

    places = Embedding(
        init="pca", perplexity=min(settings.perplexity, (len(features) - 1) / 3), random_state=0
    ).fit_transform(features.numpy())
    classes = torch.cat([_labels(split) for split in chosen.values()]).numpy()
    domain = np.repeat(np.arange(len(chosen)), [len(split) for split in chosen.values()])
    names = tuple(chosen)
    panels = [
        Points(places, colours=classes, markers=domain, names=context.dataset.classes, title="by class"),
        Points(places, colours=domain, markers=domain, names=names, title="by domain", coloured_by_marker=True),
    ]
    caption = f"t-SNE of the features of {len(features)} validation images, by class and by domain"
    numbers = {
        "places": places.round(3).tolist(), "classes": classes.tolist(), "domains": domain.tolist(),
        "class_names": list(context.dataset.classes), "domain_names": list(names),
    }  # fmt: skip
    yield Picture("tsne", _with_numbers(partial(save_panels, panels, marker_names=names), numbers), caption)


def confusion(settings: Confusion, context: FigureContext) -> Iterator[Picture]:
    """Confusion matrix: number of the target's test images of each class (row) by predicted class (column)."""
    split = (context.dataset.target or context.dataset).test
    names = context.dataset.classes
    predicted = _classified(context, split.images, True)[1].argmax(1)
    pairs = _labels(split) * len(names) + predicted
    counts = torch.bincount(pairs, minlength=len(names) ** 2).reshape(len(names), len(names)).numpy()
    caption = f"{len(split)} target test images: rows what they are, columns what they were taken for"
    save = partial(save_table, counts, names=names, rows="is", columns="taken for")
    numbers = {"counts": counts.tolist(), "class_names": list(names)}
    yield Picture("confusion", _with_numbers(save, numbers), caption)


def _with_numbers(save: Callable[[Path], None], numbers: dict[str, Any]) -> Callable[[Path], None]:
    """A function that saves a picture and, beside it, its numbers as JSON."""

    def both(path: Path) -> None:
        save(path)
        write_atomically(path.with_suffix(".json"), json.dumps(numbers).encode())

    return both


def _validation_splits(context: FigureContext) -> dict[str, Split]:
    """Validation split by name of the domain; of the target alone when its labels are the ones learnt from."""
    dataset = context.dataset
    target = dataset.target or dataset
    domains = {"target": target.validation or target.train}
    if dataset.target is not None and getattr(context.recipe.data, "supervision", "source") == "source":
        domains = {"source": dataset.validation or dataset.train, **domains}
    return domains


@torch.no_grad()
def _classified(context: FigureContext, images: Tensor, of_target: bool) -> tuple[Tensor, Tensor]:
    """(features N,D, logits N,K) of images uint8 N,C,H,W of a domain, on the CPU."""
    method = context.method
    assert isinstance(method, Classifies), "a method with these figures predicts labels"
    parts = []
    for chunk in images.split(BATCH):
        context.progress(sum(len(logits) for _, logits in parts), len(images))
        features, logits = method.classify(to_float(chunk.to(context.device)), of_target)
        parts.append((features.cpu(), logits.cpu()))
    return torch.cat([f for f, _ in parts]), torch.cat([logits for _, logits in parts])


def _labels(split: Split) -> Tensor:
    assert split.labels is not None, "the images of a pair of domains have labels"
    return split.labels
