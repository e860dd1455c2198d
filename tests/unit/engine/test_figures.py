"""The figures that methods are known by, and the text of a net."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from engine.data.batch import Batch
from engine.data.conditions import Conditions
from engine.data.dataset import Split, open_dataset
from engine.figures import FigureContext, draw_figure
from engine.figures.architecture import describe
from engine.figures.grid import save_grid
from engine.methods.building import build_method
from engine.recipes.recipe import Recipe, load
from engine.runs.directory import RunDir, State
from engine.settings import registry
from engine.training.validation import Validator

SMALL = {"sample.steps": 3, "sample.columns": 2, "sample.rows": 10, "sample.strip": 3}


def context(recipe: Recipe, tmp_path, step: int = 5) -> FigureContext:
    dataset = open_dataset(recipe.data)
    device = torch.device("cpu")
    torch.manual_seed(0)
    method = build_method(recipe, device, Conditions.of(dataset), 10, 5, dataset.train.images)
    run = RunDir.create(tmp_path, recipe.to_toml(), {}, State())
    return FigureContext(method, recipe, dataset, device, run, step, 10, lambda done, total: None)


def draw(name: str, now: FigureContext):
    found = {picture.name: picture for picture in draw_figure(registry.default_settings("figure", name), now)}
    for picture in found.values():
        picture.save(now.run.path / picture.path(now.step))
    return found


@pytest.fixture
def unet() -> Recipe:
    return load("digits-unet").with_values({**SMALL, "model.channels": 8, "model.groups": 4})


@pytest.fixture
def guided() -> Recipe:
    return load("digits-cfg").with_values({**SMALL, "model.features": 8, "method.steps": 10})


def test_the_grid_has_a_row_for_each_class_and_the_strip_goes_from_noise_to_its_first_image(unet, tmp_path):
    now = context(unet, tmp_path)
    found = draw("grid", now)
    assert set(found) == {"grid", "strip"}
    assert (found["grid"].rows, found["grid"].columns) == (10, 2)
    assert (
        found["grid"].path(5) == "samples/000000005.png"
        and found["strip"].path(5) == "figures/strip-000000005.png"
    )
    with (
        Image.open(now.run.path / "samples/000000005.png") as grid,
        Image.open(now.run.path / "figures/strip-000000005.png") as strip,
    ):
        assert strip.size == (3 * 34 + 2, 36)  # tiles of 32, two pixels between them
        assert strip.crop((70, 2, 102, 34)).tobytes() == grid.crop((2, 2, 34, 34)).tobytes()


@pytest.mark.parametrize(
    ("figure", "rows", "columns"),
    [("grid", 10, 2), ("strip", 1, 3), ("real", 10, 2), ("neighbours", 8, 6), ("guidance", 3, 10)],
)
def test_a_figure_says_how_its_tiles_are_laid_out_and_what_they_are(
    unet, guided, tmp_path, figure, rows, columns
):
    now = context(guided if figure == "guidance" else unet, tmp_path, step=10)
    picture = draw("grid" if figure == "strip" else figure, now)[figure]
    layout = picture.layout()
    assert (layout["rows"], layout["columns"]) == (rows, columns) and layout.get("name", "grid") == figure
    for axis, count in (("row_names", rows), ("column_names", columns)):
        assert len(layout.get(axis, range(count))) == count
    named = {
        "grid": ("classes", list("0123456789")), "strip": ("sampling steps", ["0", "2", "3"]),
        "real": ("classes", list("0123456789")), "neighbours": ("sample", "nearest"), "guidance": ("classes", "0.5"),
    }[figure]  # fmt: skip
    assert all(
        word in [*layout.values(), *layout.get("row_names", ()), *layout.get("column_names", ())]
        for word in named
    )
    with Image.open(now.run.path / picture.path(10)) as image:
        tile = (image.width - 2) // columns
        assert image.size == (columns * tile + 2, rows * tile + 2)


def test_the_progress_animation_has_a_frame_for_each_grid_so_far(unet, tmp_path):
    now = context(unet, tmp_path, step=5)
    for step in range(1, 8):  # 6 and 7 are of a later attempt that was cut off
        images = torch.full((4, 1, 8, 8), 30 * step, dtype=torch.uint8)
        save_grid(images, now.run.samples / f"{step:09d}.png", 2)
    (now.run.samples / "000000002.png").write_bytes(b"torn")
    found = draw("progress", now)
    assert found["progress"].path(5) == "figures/progress.gif"
    with Image.open(now.run.figures / "progress.gif") as animation:
        assert animation.n_frames == 4  # type: ignore[attr-defined]


def test_one_grid_is_no_animation(unet, tmp_path):
    now = context(unet, tmp_path)
    save_grid(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), now.run.samples / "000000001.png", 1)
    assert not draw("progress", now)


def test_guidance_is_shown_from_none_to_much_and_none_is_the_conditional_model(guided, tmp_path):
    now = context(guided, tmp_path)
    for parameter in now.method.average.net.parameters():  # type: ignore[attr-defined]
        parameter.data += 0.5 * torch.randn(parameter.shape)
    found = draw("guidance", now)
    assert "0, 0.5, 2" in found["guidance"].caption
    with Image.open(now.run.figures / "guidance-000000005.png") as picture:
        third = picture.height // 3
        rows = [picture.crop((0, i * third, picture.width, (i + 1) * third)).tobytes() for i in range(3)]
    assert len(set(rows)) == 3
    assert "guidance" in guided.method.figures  # type: ignore[attr-defined]
    unguided = guided.with_values({"method.drop_condition": 0.0, "sample.guidance": None})
    assert "guidance" not in unguided.method.figures  # type: ignore[attr-defined]


def test_real_images_are_drawn_once_a_row_for_each_class(unet, tmp_path):
    now = context(unet, tmp_path)
    assert set(draw("real", now)) == {"real"}
    with Image.open(now.run.figures / "real.png") as picture:
        seen = torch.from_numpy(np.asarray(picture).copy())
    train = now.dataset.train
    assert train.labels is not None
    for label in range(10):
        tile = seen[2 + 34 * label : 34 + 34 * label : 4, 2:34:4]
        assert (train.images[train.labels == label][:, 0] == tile).all(2).all(1).any()
    assert not draw("real", now)


def test_neighbours_are_drawn_at_the_end_the_nearest_first(unet, tmp_path):
    assert not draw("neighbours", context(unet, tmp_path / "before"))
    now = context(unet, tmp_path, step=10)
    found = draw("neighbours", now)
    assert found["neighbours"].caption == "sample │ its 5 nearest of the training images, by pixels"
    with Image.open(now.run.figures / "neighbours-000000010.png") as picture:
        seen = np.asarray(picture).astype(int)
    assert seen.shape == (8 * 34 + 2, 6 * 34 + 2)
    train = now.dataset.train.images[:, 0].numpy().astype(int)
    for row in range(8):
        sample, *nearest = [
            seen[2 + 34 * row : 34 + 34 * row : 4, 2 + 34 * column : 34 + 34 * column : 4]
            for column in range(6)
        ]
        distances = np.sort(((train - sample) ** 2).sum((1, 2)))[:5]
        assert [((image - sample) ** 2).sum() for image in nearest] == list(distances)


def test_drawing_leaves_the_random_numbers_of_training_alone(guided, tmp_path):
    now = context(guided, tmp_path)
    before = torch.get_rng_state()
    for name in guided.method.figures:  # type: ignore[attr-defined]
        draw(name, now)
    assert torch.equal(before, torch.get_rng_state())


def test_the_architecture_says_shapes_and_parameters_and_disturbs_nothing(unet, tmp_path):
    now = context(unet, tmp_path)
    before = torch.get_rng_state()
    weights = [p.clone() for p in now.method.nets["model"].parameters()]
    text = describe(now.method, Batch(torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.int64)))
    total = sum(p.numel() for p in now.method.nets["model"].parameters())
    assert f"UNet, {total:,} parameters" in text
    stem = next(line for line in text.splitlines() if line.startswith("stem"))
    assert "8×8×8" in stem and stem.endswith(f"{9 * 8 + 8}")
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(weights, now.method.nets["model"].parameters(), strict=True))


class Noisy:
    """A method whose validation loss is drawn: a fixed noise makes it the same each time."""

    def validate(self, batch: Batch):
        return {"val_loss": batch.images.mean() + torch.rand(())}


def test_validation_is_repeatable_and_leaves_the_random_numbers_of_training_alone():
    split = Split(torch.randint(0, 256, (40, 1, 4, 4), dtype=torch.uint8))
    validator = Validator(Noisy(), split, 16, torch.device("cpu"), load("digits-unet").train)
    before = torch.get_rng_state()
    one, other = validator.losses(), validator.losses()
    assert one["val_loss"] == other["val_loss"]
    assert torch.equal(before, torch.get_rng_state())
