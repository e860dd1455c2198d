"""Train one of the shipped extractors: ``python -P -m engine.evaluation.train_extractor fashion-cnn -o FILE``.

Trains on the training split alone, for a fixed number of epochs: the test split is looked at once, at the end.
Images are moved, partly erased and blurred as resizing blurs them, but never mirrored: an extractor that
cannot tell a mirrored shoe from a real one would forgive a generator for drawing it.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor

from engine import registry
from engine.data import Batches, Dataset, Split, open_dataset, to_float
from engine.evaluation.classifiers import Classifier, digits_net, fashion_net
from engine.rundir import write_atomically
from engine.settings.datasets import Data


@dataclass(frozen=True)
class Plan:
    """How one extractor is trained. ``shift`` and ``erase`` in pixels; ``blur``: a size resized to and back."""

    dataset: str
    net: Callable[[], Classifier]
    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    shift: int
    erase: int
    blur: int
    average: float  # decay of the averaged weights


PLANS = {
    "digits-cnn": Plan("digits", digits_net, 80, 64, 4e-3, 0.05, 1, 0, 28, 0.99),
    "fashion-cnn": Plan("fashion-mnist", fashion_net, 12, 128, 4e-3, 0.05, 2, 8, 0, 0.998),
}


def augment(images: Tensor, plan: Plan, generator: torch.Generator) -> Tensor:
    """float N,C,H,W in [-1, 1] (-1 is background), moved, erased and blurred, each image in its own way."""
    n, _, h, w = images.shape
    rows, columns = torch.arange(h), torch.arange(w)
    moves = torch.randint(2 * plan.shift + 1, (2, n, 1), generator=generator)
    padded = F.pad(images, [plan.shift] * 4, value=-1.0)
    index = torch.arange(n)[:, None, None]
    moved = padded[index, :, (rows + moves[0])[:, :, None], (columns + moves[1])[:, None, :]].movedim(-1, 1)
    if plan.erase:
        corner = torch.randint(-plan.erase, max(h, w), (2, n, 1), generator=generator)
        inside_rows = (rows >= corner[0]) & (rows < corner[0] + plan.erase)
        inside_columns = (columns >= corner[1]) & (columns < corner[1] + plan.erase)
        moved = moved.masked_fill((inside_rows[:, :, None] & inside_columns[:, None, :])[:, None], -1.0)
    if plan.blur:
        there = F.interpolate(moved, size=(plan.blur, plan.blur), mode="bilinear", antialias=True)
        back = F.interpolate(there, size=(h, w), mode="bilinear", antialias=True)
        chosen = torch.rand(n, 1, 1, 1, generator=generator) < 0.3
        moved = torch.where(chosen, back, moved)
    return moved.contiguous(memory_format=torch.channels_last)


def train(plan: Plan, dataset: Dataset, seed: int = 0, say: Callable[[str], None] = print) -> Classifier:
    """The averaged classifier after ``plan.epochs``."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    net = plan.net().to(memory_format=torch.channels_last).train()
    average = copy.deepcopy(net).eval()
    batches = Batches(dataset.train, plan.batch_size, "cpu", seed)
    total = plan.epochs * batches.steps_per_epoch
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.lr, weight_decay=plan.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.lr, total_steps=total, pct_start=0.2)
    start, losses = time.monotonic(), []
    for step in range(total):
        batch = batches.at(step)
        assert batch.labels is not None
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(augment(batch.images, plan, generator))
        loss = F.cross_entropy(logits.float(), batch.labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        _follow(average, net, min(plan.average, (1 + step) / (10 + step)))
        if (step + 1) % batches.steps_per_epoch == 0:
            epoch, seconds = (step + 1) // batches.steps_per_epoch, time.monotonic() - start
            mean = sum(losses[-batches.steps_per_epoch :]) / batches.steps_per_epoch
            say(f"epoch {epoch}/{plan.epochs}  loss {mean:.4f}  {seconds:.0f} s")
    return average


@torch.no_grad()
def _follow(average: Classifier, net: Classifier, decay: float) -> None:
    for mine, theirs in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if mine.is_floating_point():
            mine.lerp_(theirs, 1 - decay)
        else:
            mine.copy_(theirs)


@torch.inference_mode()
def accuracy(net: Classifier, split: Split) -> float:
    """Fraction of the split's images whose label ``net`` predicts, in float32."""
    if split.labels is None:
        raise ValueError("accuracy needs labels")
    net.eval()
    right = 0
    for images, labels in zip(split.images.split(500), split.labels.split(500), strict=True):
        right += int((net(to_float(images)).argmax(1) == labels).sum())
    return right / len(split)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="engine.evaluation.train_extractor", description="Train one of the shipped extractors."
    )
    parser.add_argument("name", choices=sorted(PLANS))
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    plan = PLANS[options.name]
    settings = registry.find("dataset", plan.dataset)
    assert settings is not None and issubclass(settings, Data)
    dataset = open_dataset(settings.model_validate({}))
    net = train(plan, dataset, options.seed, say=lambda line: print(line, file=sys.stderr, flush=True))
    # Half precision halves the file; what is measured below is what is shipped.
    state = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in net.to(memory_format=torch.contiguous_format).state_dict().items()
    }
    net.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    write_atomically(options.output, save(state))
    options.output.chmod(0o644)  # shipped with the engine, read by everybody
    print(f"{options.name}: test accuracy {accuracy(net, dataset.test):.4f} on {len(dataset.test)} images")
    return 0


if __name__ == "__main__":
    sys.exit(main())
