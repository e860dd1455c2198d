"""Figures of autoencoders, of one-pass generators and of adapted classifiers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from PIL import Image

from engine.data.conditions import Conditions
from engine.data.dataset import Split, open_dataset, to_float, to_uint8
from engine.figures import FigureContext, Picture, draw_figure
from engine.figures.grid import tile
from engine.figures.latents import held_out_images, slerp
from engine.figures.plots import PALETTE, Points, save_panels, save_table
from engine.methods import Reconstructs
from engine.methods.building import build_method
from engine.recipes.recipe import Recipe, load
from engine.runs.directory import RunDir, State
from engine.settings import registry
from tests.support.domains import two_domains

CPU = torch.device("cpu")
VAE = {"model.channels": 4, "model.latent": 6}
DANN = {"model.channels": 4, "model.hidden": [12, 8], "train.ema": 0.0}


def context(recipe: Recipe, tmp_path: Path, dataset=None) -> FigureContext:
    dataset = dataset or open_dataset(recipe.data)
    torch.manual_seed(0)
    method = build_method(recipe, CPU, Conditions.of(dataset), 10, 5, dataset.train.images)
    run = RunDir.create(tmp_path, recipe.to_toml(), {}, State())
    return FigureContext(method, recipe, dataset, CPU, run, 5, 10, lambda done, total: None)


def draw(name: str, now: FigureContext) -> Picture:
    (picture,) = draw_figure(registry.default_settings("figure", name), now)
    picture.save(now.run.path / picture.path(now.step))
    return picture


def pixels(now: FigureContext, picture: Picture) -> np.ndarray:
    with Image.open(now.run.path / picture.path(now.step)) as image:
        return np.asarray(image.convert("RGB"))


# -- latents ---------------------------------------------------------------------------------------------


def test_reconstructions_stand_below_the_validation_images_they_are_of(tmp_path):
    now = context(load("digits-vae").with_values(VAE), tmp_path)
    assert isinstance(now.method, Reconstructs) and now.dataset.validation is not None
    picture = draw("reconstructions", now)
    assert "validation" in picture.caption and picture.kind == "figure"
    originals = held_out_images(now.dataset, 8)
    assert any(torch.equal(originals[0], image) for image in now.dataset.validation.images)
    made = to_uint8(now.method.reconstruct(to_float(originals)))
    expected = tile(torch.cat([originals, made]), 8)
    assert np.array_equal(pixels(now, picture), expected.repeat(3, axis=2))


def test_the_same_held_out_images_are_shown_every_time_and_test_images_where_there_are_no_others():
    dataset = two_domains()
    assert torch.equal(held_out_images(dataset, 8), held_out_images(dataset, 8))
    assert torch.equal(held_out_images(replace(dataset, validation=None), 20), dataset.test.images)
    assert len(held_out_images(dataset, 1000)) == 20


def test_an_interpolation_of_encodings_begins_and_ends_with_reconstructions(tmp_path):
    now = context(load("digits-vae").with_values(VAE), tmp_path)
    assert isinstance(now.method, Reconstructs)
    picture = draw("interpolation", now)
    shown = pixels(now, picture)[:, :, 0]
    made = to_uint8(now.method.reconstruct(to_float(held_out_images(now.dataset, 8))))
    first, last = tile(made[:1], 1)[2:34, 2:34, 0], tile(made[1:2], 1)[2:34, 2:34, 0]
    assert np.abs(shown[2:34, 2:34].astype(int) - first).max() <= 1
    assert np.abs(shown[2:34, -34:-2].astype(int) - last).max() <= 1


class OneShot:
    """A conditional generator that shows the length of its noise and its label."""

    conditional, has_average, precision = True, False, "fp32"
    nets: ClassVar[dict] = {}

    def sampled_net(self, ema=True):
        raise NotImplementedError

    def noise_shape(self, n):
        return (n, 100)

    def sample(self, settings, noise, labels, *, ema=True, trace=None):
        self.noise, self.labels = noise, labels
        return torch.zeros(len(noise), 1, 8, 8)

    def training_step(self, batch): ...
    def probe_gradient(self, batch): ...
    def end_epoch(self, mean, last): ...
    def weights(self): ...
    def load_weights(self, weights): ...
    def state(self): ...
    def load_state(self, state): ...


def test_noises_are_interpolated_on_the_sphere_with_one_label_for_each_row(tmp_path):
    now = context(load("digits-vae").with_values(VAE), tmp_path)
    method = OneShot()
    picture = draw("interpolation", replace(now, method=method))
    assert "sphere" in picture.caption
    rows = method.noise.view(4, 8, 100)
    lengths = rows.norm(dim=2)
    assert float((lengths / lengths[:, :1] - 1).abs().max()) < 0.35
    assert (lengths.amin(1) > 0.75 * torch.minimum(lengths[:, 0], lengths[:, -1])).all()
    assert method.labels.view(4, 8).tolist() == [[i] * 8 for i in range(4)]


def test_the_great_circle_keeps_its_ends_and_its_length_and_is_a_line_between_parallels():
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    assert torch.allclose(slerp(a, b, 0.0), a) and torch.allclose(slerp(a, b, 1.0), b, atol=1e-6)
    assert torch.allclose(slerp(a, b, 0.5), torch.full((2,), 0.5**0.5))
    assert torch.allclose(slerp(a, 3 * a, 0.5), 2 * a)


# -- adaptation ------------------------------------------------------------------------------------------


@pytest.fixture
def adapted(tmp_path) -> FigureContext:
    return context(load("digitsm-digits-dann").with_values(DANN), tmp_path, two_domains())


def test_the_map_of_features_is_drawn_once_by_class_and_once_by_domain(adapted):
    picture = draw("tsne", adapted)
    assert "40 validation images" in picture.caption
    seen = pixels(adapted, picture)
    assert seen.shape[1] > 800 and not np.array_equal(
        seen[:, : seen.shape[1] // 2], seen[:, seen.shape[1] // 2 :]
    )
    again = pixels(adapted, draw("tsne", adapted))
    assert np.array_equal(seen, again)


def test_a_net_gone_bad_has_no_map(adapted):
    with torch.no_grad():
        for parameter in adapted.method.nets["model"].parameters():
            parameter.fill_(torch.nan)
    assert list(draw_figure(registry.default_settings("figure", "tsne"), adapted)) == []
    draw("confusion", adapted)


def test_the_confusion_table_counts_every_target_test_image(adapted, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        "engine.figures.adaptation.save_table", lambda counts, path, **words: seen.update(counts=counts)
    )
    draw("confusion", adapted)
    assert adapted.dataset.target is not None
    truth = adapted.dataset.target.test
    predicted = adapted.method.classify(to_float(truth.images))[1].argmax(1)  # type: ignore[attr-defined]
    expected = np.zeros((10, 10), int)
    assert truth.labels is not None
    np.add.at(expected, (truth.labels.numpy(), predicted.numpy()), 1)
    assert np.array_equal(seen["counts"], expected) and seen["counts"].sum() == 20


def test_the_numbers_of_both_figures_stand_beside_them(adapted):
    for name in ("tsne", "confusion"):
        path = adapted.run.path / draw(name, adapted).path(adapted.step)
        numbers = json.loads(path.with_suffix(".json").read_text())
        assert numbers["class_names"] == list(adapted.dataset.classes)
        if name == "confusion":
            assert np.sum(numbers["counts"]) == 20
        else:
            assert len(numbers["places"]) == len(numbers["classes"]) == len(numbers["domains"]) == 40
            assert numbers["domain_names"] == ["source", "target"]


def test_ten_classes_have_ten_colours():
    assert len(set(PALETTE)) == len(PALETTE) == 10


def test_markers_are_drawn_in_their_places_colours_and_shapes(tmp_path):
    points = Points(
        np.array([[0.0, 0.0], [1.0, 1.0]]),
        np.array([0, 1]),
        np.array([0, 1]),
        ("a", "a very long name"),
        "title",
    )
    path = tmp_path / "panel.png"
    save_panels([points], path, marker_names=("source", "target"))
    with Image.open(path) as image:
        seen = np.asarray(image).astype(int)
    for index, colour in enumerate(PALETTE[:2]):
        wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
        rows, columns = np.nonzero(np.abs(seen - wanted).sum(2) < 30)
        inside = rows < 458  # above the legend
        assert inside.any()
        assert (columns[inside].mean() > seen.shape[1] / 2) == bool(index), (
            "the first is left, the second right"
        )
        assert (rows[inside].mean() < 240) == bool(index), "and higher"


@pytest.mark.parametrize("names", [("0", "1", "2"), ("one class",), ("Ünïcode ✓", "x" * 200)])
def test_a_table_has_room_for_its_names_and_is_darkest_where_most_are(names, tmp_path):
    path, n = tmp_path / "table.png", len(names)
    save_table(np.eye(n, dtype=int) * 5, path, names, rows="is", columns="taken for")
    with Image.open(path) as image:
        assert image.mode == "RGB" and min(image.size) > n * 44
    save_table(np.zeros((n, n), dtype=int), path, names)


def test_target_only_shows_its_one_domain(tmp_path):
    dataset = two_domains()
    assert dataset.target is not None
    swapped = replace(dataset.target, name="pair", target=dataset.target)
    now = context(load("digitsm-digits-target").with_values(DANN), tmp_path, swapped)
    assert "20 validation images" in draw("tsne", now).caption


def test_labels_of_a_split_without_any_are_no_figure(adapted):
    assert adapted.dataset.target is not None
    bare = replace(adapted.dataset.target, test=Split(adapted.dataset.target.test.images))
    with pytest.raises(AssertionError, match="have labels"):
        draw("confusion", replace(adapted, dataset=replace(adapted.dataset, target=bare)))
