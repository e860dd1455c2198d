"""A score says what made it; real statistics are computed once; labels are asked for equally often."""

from __future__ import annotations

import math
import re
import threading
from dataclasses import replace

import pytest
import torch

from engine.data.dataset import Dataset, Split, fingerprint, to_float
from engine.evaluation import statistics
from engine.evaluation.evaluate import Evaluation, evaluate
from engine.evaluation.extractors import load_extractor
from engine.evaluation.frechet import Moments, distance
from engine.evaluation.label_law import label_law
from engine.evaluation.protocol import Protocol
from engine.evaluation.score import Score
from engine.evaluation.statistics import RealImages, RealStatistics, cache_folder, cache_path
from engine.settings.evaluation import FID

FIELDS = {
    "metric", "extractor", "extractor_hash", "dataset", "dataset_hash", "split", "split_size",
    "samples", "resize", "quantisation", "sampling", "ema", "selected_by",
}  # fmt: skip


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("statistics")


class Copier:
    """A perfect conditional generator: returns training images of the labels asked for."""

    def __init__(self, dataset: Dataset):
        self.dataset, self.asked, self.generator = dataset, [], torch.Generator().manual_seed(0)

    def __call__(self, count: int, labels: torch.Tensor | None) -> torch.Tensor:
        images, known = self.dataset.train.images, self.dataset.train.labels
        if labels is None:
            return to_float(images[torch.randint(len(images), (count,), generator=self.generator)])
        self.asked += labels.tolist()
        chosen = []
        for label in labels.tolist():
            of_it = (known == label).nonzero()[:, 0]
            chosen.append(of_it[torch.randint(len(of_it), (), generator=self.generator)])
        return to_float(images[torch.stack(chosen)])


def score(generate, dataset, extractor, cache, conditional=True, progress=None, **settings) -> list[Score]:
    return evaluation(generate, dataset, extractor, cache, conditional, progress, **settings).scores


def evaluation(generate, dataset, extractor, cache, conditional=True, progress=None, **settings) -> Evaluation:
    chosen = FID(**{"samples": 250, "batch_size": 64, **settings})
    real = RealImages(dataset, extractor, cache)
    labels = label_law(chosen.labels, dataset) if conditional else None
    return evaluate(generate, real, chosen, sampling="heun 18", labels=labels, progress=progress)


def real_statistics(dataset, split, extractor, *, folder, progress=None) -> RealStatistics:
    return RealImages(dataset, extractor, folder).statistics(split, advance=progress)


def test_a_perfect_generator_scores_near_the_floor_and_hits_every_label(digits, extractor, cache):
    fid, accuracy = score(Copier(digits), digits, extractor, cache)
    assert (fid.metric, accuracy.metric) == ("fid", "label_accuracy")
    assert fid.lower_is_better and not accuracy.lower_is_better
    assert 0 < fid.floor < 2 and 0 < fid.value < 2
    assert accuracy.value >= 0.99
    assert accuracy.floor == pytest.approx(0.9944, abs=0.006)


def test_noise_scores_far_worse_than_digits(digits, extractor, cache):
    fid, accuracy = score(lambda n, labels: torch.rand(n, 1, 8, 8) * 2 - 1, digits, extractor, cache)
    assert fid.value > 20 * fid.floor
    assert accuracy.value < 0.4


def test_the_value_is_the_distance_of_the_images_given(digits, extractor, cache):
    samples = digits.test.images[:250]
    stream = iter(samples.split(64))
    (fid,) = score(lambda n, labels: next(stream), digits, extractor, cache, conditional=False)
    expected = distance(
        Moments.of(extractor.features(samples)), Moments.of(extractor.features(digits.train.images))
    )
    assert fid.value == pytest.approx(expected, rel=1e-4)


def test_float_samples_are_scored_as_the_files_saved_of_them(digits, extractor, cache):
    samples = to_float(digits.test.images[:250]) + 0.3 / 127.5  # rounds back to the same bytes
    as_float, as_bytes = iter(samples.split(64)), iter(digits.test.images[:250].split(64))
    (one,) = score(lambda n, labels: next(as_float), digits, extractor, cache, conditional=False)
    (other,) = score(lambda n, labels: next(as_bytes), digits, extractor, cache, conditional=False)
    assert one.value == other.value


def test_labels_are_as_frequent_as_in_the_data_unless_they_are_asked_for_uniformly(digits, extractor, cache):
    copier = Copier(digits)
    score(copier, digits, extractor, cache)
    real = torch.bincount(digits.train.labels) / len(digits.train) * 250
    assert (torch.bincount(torch.tensor(copier.asked)) - real).abs().max() < 1
    copier = Copier(digits)
    (fid, _) = score(copier, digits, extractor, cache, labels="uniform")
    assert copier.asked == [i % 10 for i in range(250)]
    assert "labels uniform" in fid.protocol.name


def rare(split: Split) -> Split:
    """Every other class is a tenth as frequent."""
    numbers = torch.arange(len(split))
    return split.take((split.labels % 2 == 0) | (numbers % 10 == 0))


def test_a_perfect_generator_on_imbalanced_data_scores_near_the_floor(digits, extractor, cache):
    uneven = replace(digits, train=rare(digits.train), test=rare(digits.test), fingerprint="")
    uneven = replace(uneven, fingerprint=fingerprint(uneven))
    fid, _ = score(Copier(uneven), uneven, extractor, cache, samples=500)
    uniform, _ = score(Copier(uneven), uneven, extractor, cache, samples=500, labels="uniform")
    assert fid.value <= 2 * fid.floor
    assert uniform.value > 8 * fid.value


@pytest.mark.parametrize("samples", [100, 200, 360, 500, 1000])
def test_the_floor_is_that_of_as_many_real_images(digits, extractor, cache, samples):
    """Real against real at the same n: of all real images, so many stand in and others of the training set's number,
    drawn with replacement where there are not enough, are compared with."""
    (fid, _) = score(Copier(digits), digits, extractor, cache, samples=samples)
    embedded = torch.cat([extractor.features(split.images) for split in (digits.train, digits.test)])
    generator, values = torch.Generator().manual_seed(3), []
    for _ in range(20):
        order = torch.randperm(len(embedded), generator=generator)
        ours, others = order[: min(samples, 360)], order[min(samples, 360) :]
        values.append(distance(Moments.of(embedded[ours]), Moments.of(embedded[others])))
    measured = torch.tensor(values, dtype=torch.float64)
    bias = (1 / samples + 1 / 1437) / (1 / min(samples, 360) + 1 / 1437)
    spread = math.hypot(fid.floor_std, float(measured.std()) * bias)
    assert abs(fid.floor - float(measured.mean()) * bias) <= 2 * spread
    assert 0 < fid.floor_std < fid.floor


def test_an_unconditional_model_gets_no_labels_and_no_label_accuracy(digits, extractor, cache):
    asked = []

    def generate(count, labels):
        asked.append(labels)
        return Copier(digits)(count, None)

    scores = score(generate, digits, extractor, cache, conditional=False)
    assert [s.metric for s in scores] == ["fid"]
    assert asked == [None] * 4


def test_an_extractor_of_other_classes_gives_no_label_accuracy(digits, cache):
    foreign = load_extractor("fashion-cnn")
    scores = score(Copier(digits), digits, foreign, cache)
    assert [s.metric for s in scores] == ["fid"]
    assert (
        "fashion-cnn" in scores[0].protocol.name
        and "resized bilinear-antialias 28×28" in scores[0].protocol.name
    )


def test_the_protocol_reads_as_agreed(digits, extractor, cache):
    fid, accuracy = score(Copier(digits), digits, extractor, cache)
    words = (
        r"fid · digits-cnn@[0-9a-f]{8} · train 1437 · n=250 · heun 18 · labels as in the data · 1 noise · ema"
    )
    assert re.fullmatch(words, fid.protocol.name)
    assert set(fid.protocol.detail()) == FIELDS | {"labels", "noises"}
    assert fid.protocol.dataset_hash == digits.fingerprint[:8]
    assert fid.protocol.quantisation == "uint8 rounded" and fid.protocol.resize == "none"
    assert re.fullmatch("[0-9a-f]{8}", fid.protocol.id)
    assert accuracy.protocol.id != fid.protocol.id


def test_an_event_carries_everything_but_best(digits, extractor, cache):
    event = score(Copier(digits), digits, extractor, cache)[0].event()
    assert set(event) == {
        "metric", "value", "lower_is_better", "protocol", "protocol_id", "protocol_detail", "floor", "seconds",
        "selected_by", "role", "floor_std",
    }  # fmt: skip


def test_any_difference_makes_another_protocol():
    one = Protocol(
        metric="fid", dataset="digits", dataset_hash="00000000", split="train", split_size=1437,
        extractor="digits-cnn", extractor_hash="1a2b3c4d", samples=500, quantisation="uint8 rounded",
        sampling="heun 18", ema=True,
    )  # fmt: skip
    others = [
        replace(one, **{name: {str: "x", int: 7, bool: False}[type(value)]})
        for name, value in one.detail().items()
    ]
    assert len({p.id for p in [one, *others]}) == 1 + len(FIELDS)
    assert one.id == replace(one).id
    assert not replace(one, ema=False).name.endswith("ema")


def test_the_test_split_can_be_compared_with(digits, extractor, cache):
    (fid,) = score(Copier(digits), digits, extractor, cache, conditional=False, split="test")
    assert "test 360" in fid.protocol.name


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_samples_that_are_not_finite_score_nan(digits, extractor, cache, bad):
    def generate(count, labels):
        images = Copier(digits)(count, labels)
        images[0, 0, 0, 0] = bad
        return images

    assert all(math.isnan(s.value) for s in score(generate, digits, extractor, cache))


def test_samples_of_a_wrong_shape_are_an_error(digits, extractor, cache):
    with pytest.raises(ValueError, match="asked for images"):
        score(lambda n, labels: torch.zeros(n, 1, 9, 9), digits, extractor, cache)


def test_progress_counts_real_images_only_while_they_are_new(digits, extractor, tmp_path):
    seen: list[tuple[int, int]] = []
    for _ in range(2):
        score(Copier(digits), digits, extractor, tmp_path, progress=lambda *at: seen.append(at))
    first = [at for at in seen if at[1] > 250]
    assert first[-1] == (1437 + 360 + 250, 1437 + 360 + 250)
    assert [at for at in seen if at[1] == 250] == [(64, 250), (128, 250), (192, 250), (250, 250)]


def test_real_images_are_embedded_once_for_all_scores_together(digits, extractor, tmp_path, monkeypatch):
    embedded: list[int] = []
    embed = extractor.features_and_logits
    monkeypatch.setattr(extractor, "features_and_logits", lambda x: (embedded.append(len(x)), embed(x))[1])
    seen: list[tuple[int, int]] = []
    together = score(
        Copier(digits), digits, extractor, tmp_path / "together", also=["kid", "prc", "intra_fid"],
        progress=lambda *at: seen.append(at),
    )  # fmt: skip
    assert seen[-1] == (1437 + 360 + 250,) * 2 and sum(embedded) == 1437 + 360 + 250
    apart = score(Copier(digits), digits, extractor, tmp_path / "apart", also=["intra_fid"])
    values = {one.metric: (one.value, one.floor) for one in together}
    assert values.items() >= {one.metric: (one.value, one.floor) for one in apart}.items()
    kept = [cache_path(digits, "train", extractor, tmp_path / folder) for folder in ("together", "apart")]
    assert kept[0].read_bytes() == kept[1].read_bytes()


def test_what_progress_raises_ends_the_evaluation(digits, extractor, cache):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(Copier(digits), digits, extractor, cache, progress=stop)


# the cache of real statistics


def test_cached_statistics_are_those_computed(digits, extractor, tmp_path):
    made = real_statistics(digits, "test", extractor, folder=tmp_path)
    again = real_statistics(
        digits, "test", extractor, folder=tmp_path, progress=lambda n: pytest.fail("recomputed")
    )
    assert again.count == 360 and again.accuracy == made.accuracy
    other = Moments.of(extractor.features(digits.train.images))
    assert distance(again.moments, other) == distance(made.moments, other)


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "garbage"])
def test_a_damaged_cache_file_is_made_anew(digits, extractor, tmp_path, damage):
    made = real_statistics(digits, "test", extractor, folder=tmp_path)
    path = cache_path(digits, "test", extractor, tmp_path)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-100] ^= 0x40
    path.write_bytes(
        {"truncated": whole[:-9], "empty": b"", "flipped": bytes(flipped), "garbage": b"{" * 999}[damage]
    )
    again = real_statistics(digits, "test", extractor, folder=tmp_path)
    assert (again.moments.covariance == made.moments.covariance).all()
    assert path.read_bytes() == whole


def test_other_images_other_weights_and_other_splits_never_share_statistics(digits, extractor, tmp_path):
    changed = Split(digits.train.images.flip(-1), digits.train.labels)
    mirrored = replace(digits, train=changed)
    mirrored = replace(mirrored, fingerprint=fingerprint(mirrored))
    paths = {
        cache_path(digits, "train", extractor, tmp_path),
        cache_path(digits, "test", extractor, tmp_path),
        cache_path(mirrored, "train", extractor, tmp_path),
        cache_path(digits, "train", load_extractor("fashion-cnn"), tmp_path),
    }
    assert len(paths) == 4


def test_a_cache_that_cannot_be_written_does_not_stop_a_score(digits, extractor, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert real_statistics(digits, "test", extractor, folder=blocked / "below").count == 360


@pytest.mark.parametrize("patience", [60.0, 0.0])
def test_of_two_that_need_the_same_statistics_one_waits_but_not_for_ever(
    digits, extractor, tmp_path, monkeypatch, patience
):
    monkeypatch.setattr(statistics, "PATIENCE", patience)
    told: list[int] = []
    has_waited, has_begun = threading.Event(), threading.Event()

    def first(count: int) -> None:
        has_begun.set()
        assert has_waited.wait(60)

    def second(count: int) -> None:
        told.append(count)
        has_waited.set()

    one = threading.Thread(
        target=lambda: real_statistics(digits, "test", extractor, folder=tmp_path, progress=first)
    )
    one.start()
    assert has_begun.wait(60)
    found = real_statistics(digits, "test", extractor, folder=tmp_path, progress=second)
    one.join()
    assert found.count == 360 and sum(told) == (0 if patience else 360)
    assert [path.suffix for path in tmp_path.iterdir()] == [".safetensors"]


def test_cached_files_are_private(digits, extractor, tmp_path):
    folder = tmp_path / "new"
    real_statistics(digits, "test", extractor, folder=folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())


def test_the_cache_is_in_the_home_when_one_is_set(monkeypatch, tmp_path):
    monkeypatch.setenv("GENTUI_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "cache" / "statistics"
    monkeypatch.delenv("GENTUI_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "gentui" / "statistics"
