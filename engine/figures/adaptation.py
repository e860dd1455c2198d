"""Where a classifier puts the images of two domains, and what it takes one for another.

Both figures show the target's labels to the reader; nothing in training or in the choice of a checkpoint does.
Their numbers stand beside each picture as JSON, for those who see them in a terminal.
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
from engine.figures import Occasion, Picture
from engine.figures.plots import Points, save_panels, save_table
from engine.methods import Classifies
from engine.runs.directory import write_atomically
from engine.settings.figures import TSNE, Confusion

BATCH = 512


def tsne(settings: TSNE, occasion: Occasion) -> Iterator[Picture]:
    """t-SNE (van der Maaten & Hinton 2008) of validation features of both domains: by class and by domain.

    There is no figure where a feature is not finite.
    """
    domains = _validation_splits(occasion)
    each = settings.images // len(domains)
    chosen = {name: split.take(torch.arange(min(each, len(split)))) for name, split in domains.items()}
    features = torch.cat([_classified(occasion, split.images)[0] for split in chosen.values()])
    if not features.isfinite().all() or len(features) < 4:
        return
    from sklearn.manifold import TSNE as Embedding  # costs a second

    places = Embedding(
        init="pca", perplexity=min(settings.perplexity, (len(features) - 1) / 3), random_state=0
    ).fit_transform(features.numpy())
    classes = torch.cat([_labels(split) for split in chosen.values()]).numpy()
    domain = np.repeat(np.arange(len(chosen)), [len(split) for split in chosen.values()])
    names = tuple(chosen)
    panels = [
        Points(places, colours=classes, markers=domain, names=occasion.dataset.classes, title="by class"),
        Points(places, colours=domain, markers=domain, names=names, title="by domain", coloured_by_marker=True),
    ]
    caption = f"t-SNE of the features of {len(features)} validation images, by class and by domain"
    numbers = {
        "places": places.round(3).tolist(), "classes": classes.tolist(), "domains": domain.tolist(),
        "class_names": list(occasion.dataset.classes), "domain_names": list(names),
    }  # fmt: skip
    yield Picture("tsne", _with_numbers(partial(save_panels, panels, marker_names=names), numbers), caption)


def confusion(settings: Confusion, occasion: Occasion) -> Iterator[Picture]:
    """How many target test images of each class were taken for which."""
    split = (occasion.dataset.target or occasion.dataset).test
    names = occasion.dataset.classes
    predicted = _classified(occasion, split.images)[1].argmax(1)
    pairs = _labels(split) * len(names) + predicted
    counts = torch.bincount(pairs, minlength=len(names) ** 2).reshape(len(names), len(names)).numpy()
    caption = f"{len(split)} target test images: rows what they are, columns what they were taken for"
    save = partial(save_table, counts, names=names, rows="is", columns="taken for")
    numbers = {"counts": counts.tolist(), "class_names": list(names)}
    yield Picture("confusion", _with_numbers(save, numbers), caption)


def _with_numbers(save: Callable[[Path], None], numbers: dict[str, Any]) -> Callable[[Path], None]:
    def both(path: Path) -> None:
        save(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path.with_suffix(".json"), json.dumps(numbers).encode())

    return both


def _validation_splits(occasion: Occasion) -> dict[str, Split]:
    """By domain; the target alone where it is what was learnt from."""
    dataset = occasion.dataset
    target = dataset.target or dataset
    domains = {"target": target.validation or target.train}
    if dataset.target is not None and getattr(occasion.recipe.data, "supervision", "source") == "source":
        domains = {"source": dataset.validation or dataset.train, **domains}
    return domains


@torch.no_grad()
def _classified(occasion: Occasion, images: Tensor) -> tuple[Tensor, Tensor]:
    """(features N,D, logits N,K) on the CPU."""
    method = occasion.method
    assert isinstance(method, Classifies), "a method with these figures predicts labels"
    parts = []
    for chunk in images.split(BATCH):
        occasion.progress(sum(len(logits) for _, logits in parts), len(images))
        features, logits = method.classify(to_float(chunk.to(occasion.device)))
        parts.append((features.cpu(), logits.cpu()))
    return torch.cat([f for f, _ in parts]), torch.cat([logits for _, logits in parts])


def _labels(split: Split) -> Tensor:
    assert split.labels is not None, "the images of a pair of domains have labels"
    return split.labels
