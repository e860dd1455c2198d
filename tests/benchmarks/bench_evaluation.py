"""What scores cost: ``python -m tests.benchmarks.bench_evaluation [RUN_DIR]``; a line for each figure.

(a) Scoring again, as training does, against calling torch-fidelity's public API afresh each time: the same images,
    the same extractor, in one process, interleaved. Ours has the real images' statistics in its cache.
(b) The Fréchet distance of 1,000 features of 2,048 dimensions to full statistics, against torch-fidelity's.
(c) Embedding on one thread of a processor, as many images at a time as stay in its caches, against 256 at a time by
    photos-cnn, and 32 by Inception.
(d) The share of a default run that its scores take: of the finished run in RUN_DIR, or of digits-unet trained now.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

from engine.data.dataset import open_dataset
from engine.evaluation.evaluate import evaluate
from engine.evaluation.extractors import Extractor, load_extractor
from engine.evaluation.frechet import Moments, distance
from engine.evaluation.statistics import RealImages
from engine.recipes.recipe import load
from engine.runs.directory import RunDir, State
from engine.runs.events import iter_events
from engine.settings.datasets.embedded import Digits
from engine.settings.evaluation import FID
from tests.benchmarks.bench_frechet import features, interleaved
from tests.support.evaluation import made_up_inception
from tests.support.torch_fidelity_api import registered, theirs

REPEATED, LOW_RANK, SHARE, NOISES = 5.0, 8.0, 0.10, 1.5  # what is asked for


def repeated(rounds: int = 5) -> bool:
    """(a) at the size of the default run: 500 images of 8×8 against 1,437."""
    digits = open_dataset(Digits.model_validate({}))
    images, settings = digits.train.images[:500], FID.model_validate({"samples": 500})
    api = registered("digits-cnn")
    with tempfile.TemporaryDirectory() as folder:
        real = RealImages(digits, load_extractor("digits-cnn"), Path(folder))

        def ours() -> float:
            stream = iter(images.split(settings.batch_size))
            return evaluate(lambda n, labels: next(stream), real, settings, sampling="").scores[0].value

        def afresh() -> float:
            options = {"kid": False, "isc": False, "prc": False, "batch_size": settings.batch_size}
            return theirs(images, digits.train.images, feature_extractor=api, **options)["fid"]

        ours()  # statistics are cached, libraries are loaded
        afresh()
        fast, slow, difference = interleaved(ours, afresh, rounds)
    print(
        f"evaluation_repeated: {slow / fast:.1f}x torch-fidelity afresh ({fast * 1e3:.0f} ms against "
        f"{slow * 1e3:.0f} ms, need {REPEATED}x), relative difference {difference:.1e} (need 1e-4)"
    )
    return slow / fast >= REPEATED and difference <= 1e-4


def low_rank(count: int = 1000, dims: int = 2048, rounds: int = 3) -> bool:
    """(b)."""
    rng = np.random.default_rng(0)
    known, drawn = features(rng, 2 * dims, dims), features(rng, count, dims)
    real, made = ({"mu": rows.mean(axis=0), "sigma": np.cov(rows, rowvar=False)} for rows in (known, drawn))
    moments = Moments.from_statistics(real["mu"], real["sigma"], len(known))
    streamed = Moments.of(torch.from_numpy(drawn))
    fast, slow, difference = interleaved(
        lambda: distance(streamed, moments),
        lambda: fid_statistics_to_metric(made, real, verbose=False)[KEY_METRIC_FID],
        rounds,
    )
    print(
        f"frechet_low_rank: {slow / fast:.1f}x torch-fidelity ({fast:.2f} s against {slow:.2f} s at N = {count}, "
        f"d = {dims}, need {LOW_RANK}x), relative difference {difference:.1e} (need 1e-4)"
    )
    return slow / fast >= LOW_RANK and difference <= 1e-4


def embedding(rounds: int = 3) -> None:
    """(c)."""
    torch.set_num_threads(1)
    rng = torch.Generator().manual_seed(0)

    def compare(name: str, extractor: Extractor, before: Extractor, count: int) -> None:
        images = torch.randint(256, (count, 3, 64, 64), dtype=torch.uint8, generator=rng)
        fast, slow, difference = interleaved(
            lambda: float(extractor.features(images).norm()),
            lambda: float(before.features(images).norm()),
            rounds,
        )
        print(
            f"embedding: {slow / fast:.2f}x for {count} images by {name}, relative difference {difference:.1e}"
        )

    small, at_once = load_extractor("photos-cnn"), load_extractor("photos-cnn")
    vars(at_once)["_at_once"] = 256
    compare("photos-cnn", small, at_once, 256)
    with tempfile.TemporaryDirectory() as folder:
        weights = made_up_inception(Path(folder) / "made-up.pth")
        large, at_once = (load_extractor("inception", weights=weights) for _ in range(2))
        at_once.batch = 32
        compare("Inception", large, at_once, 32)


def share(run: RunDir) -> bool:
    """(d). What one pass of scores cost, each of its events tells."""
    events = [event for _, path in run.events_files() for event in iter_events(path)]
    cost: dict[tuple[str, int], float] = {}
    noises = 1
    for event in events:
        if event["kind"] == "evaluation" and "checkpoint" not in event:  # those were made afterwards
            role = event.get("role", "selection")
            cost[role, event["step"]] = max(cost.get((role, event["step"]), 0.0), event["seconds"])
            if role == "report":
                noises = max(noises, event["protocol_detail"].get("noises", 1))
    timed = [event["mono"] for event in events if event["kind"] in ("status", "metrics")]
    taken, whole = sum(cost.values()), max(timed) - min(timed)
    reported = sum(seconds for (role, _), seconds in cost.items() if role == "report")
    on_one = taken - reported * (1 - 1 / noises)
    print(
        f"evaluation_share: {taken / whole:.1%} of {whole:.0f} s ({len(cost)} times, {taken:.1f} s in all, "
        f"need at most {SHARE:.0%})"
    )
    print(
        f"evaluation_noises: a report on {noises} noises makes all scores of the run {taken / on_one:.2f}x as "
        f"expensive as on one (need at most {NOISES}x)"
    )
    return taken / whole <= SHARE and taken / on_one <= NOISES


def trained(home: Path) -> RunDir:
    """digits-unet as it ships, trained now."""
    recipe = load("digits-unet")
    run = RunDir.create(home, recipe.to_toml(), {"recipe": recipe.name}, State())
    subprocess.run([sys.executable, "-P", "-m", "engine", str(run.path)], check=True, stdout=sys.stderr)
    return run


def main(arguments: list[str]) -> int:
    good = [repeated(), low_rank()]
    embedding()
    with tempfile.TemporaryDirectory() as home:
        good.append(share(RunDir(arguments[0]) if arguments else trained(Path(home))))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
