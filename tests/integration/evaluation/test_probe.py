"""A probe learns a data set's own labels, is kept by their content, and is never half made."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.data import toonfaces
from engine.data.dataset import Dataset, Split, fingerprint, open_dataset
from engine.evaluation import probe
from engine.evaluation.extractors import Extractor, ExtractorError, load_extractor
from engine.evaluation.label_law import label_law
from engine.evaluation.statistics import RealImages, can_classify
from engine.recipes.recipe import load
from engine.runs.directory import RunDir, State
from engine.runs.events import iter_events
from engine.settings.datasets.embedded import FACE_ATTRIBUTES, Digits
from engine.settings.datasets.folders import AttributeFolder, ImageFolder
from tests.support.engine import finish, trainer
from tests.support.processes import Forked
from tests.support.waiting import wait_for


class Interrupted(Exception):
    pass


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch) -> Path:
    """An empty home; where probes will be kept in it."""
    monkeypatch.setenv("GENTUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "home" / "cache" / "probes"


@pytest.fixture
def short(monkeypatch) -> None:
    """Probes are taught for a few steps only: what they learn is not what the test is about."""
    whole = probe.course_for

    def few(dataset: Dataset):
        course, size = whole(dataset)
        return replace(course, fewest=1, most=10), size

    monkeypatch.setattr(probe, "course_for", few)


@pytest.fixture
def digits() -> Dataset:
    return open_dataset(Digits())


def write(folder: Path, split: Split, count: int, offset: int = 0) -> Path:
    """The first images of a split as PNG files, a sub-folder for each class."""
    assert split.labels is not None
    for i in range(offset, offset + count):
        place = folder / f"class {int(split.labels[i])}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = split.images[i].permute(1, 2, 0).squeeze(-1).numpy()
        Image.fromarray(np.ascontiguousarray(pixels)).save(place / f"{i}.png")
    return folder


def opened(folder: Path, **values) -> Dataset:
    return open_dataset(ImageFolder.model_validate({"path": str(folder), "batch_size": 8, **values}))


def learnt(dataset: Dataset, **options) -> Extractor:
    return load_extractor("probe", dataset=dataset, **options)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors")) if folder.is_dir() else []


def test_a_folder_of_digits_is_learnt_and_its_floor_is_the_accuracy_on_test_images(tmp_path, digits, kept):
    dataset = opened(write(tmp_path / "mine", digits.train, 400), image_size=8)
    before, told = torch.get_rng_state(), []
    extractor = learnt(dataset, progress=lambda done, total: told.append((done, total)))
    assert torch.equal(torch.get_rng_state(), before), "whoever draws next draws what he would have drawn"
    assert told == sorted(told) and told[-1][0] == told[-1][1] > 0
    (file,) = files(kept)
    assert extractor.name == "probe" and file.stem.rpartition("-")[2].startswith(extractor.hash)
    assert file.stat().st_mode & 0o077 == 0
    assert extractor.classes == dataset.classes == tuple(f"class {i}" for i in range(10))
    assert can_classify(extractor, dataset) and extractor.channels == 3
    images = digits.test.images.expand(-1, 3, -1, -1)
    assert (extractor.logits(images).argmax(1) == digits.test.labels).float().mean() > 0.9
    floor = RealImages(dataset, extractor).statistics("test").accuracy
    predicted = extractor.logits(dataset.test.images).argmax(1)
    assert floor == pytest.approx((predicted == dataset.test.labels).double().mean().item()) and floor > 0.85


def test_the_same_data_make_the_same_probe_which_is_trained_once(digits, short, kept):
    told = []
    first = learnt(digits, progress=lambda *done: told.append(done))
    (file,) = files(kept)
    content = file.read_bytes()
    assert len(told) == 10
    assert learnt(digits, progress=lambda *done: told.append(done)).hash == first.hash
    assert len(told) == 10, "from the cache"
    file.unlink()
    torch.rand(3)
    assert learnt(digits).hash == first.hash
    assert files(kept) == [file] and file.read_bytes() == content


def test_other_images_or_other_names_of_classes_have_another_probe(digits, short, kept):
    first = learnt(digits)
    changed = digits.train.images.clone()
    changed[:, 0, 0, 0] = 200
    other = replace(digits, train=replace(digits.train, images=changed))
    other = replace(other, fingerprint=fingerprint(other))
    second = learnt(other)
    assert second.hash != first.hash and len(files(kept)) == 2
    learnt(replace(digits, classes=tuple("abcdefghij")))
    assert len({file.stem.partition("-")[0] for file in files(kept)}) == 3


def test_a_damaged_file_is_made_anew(digits, short, kept):
    first = learnt(digits)
    (file,) = files(kept)
    content = file.read_bytes()
    for damage in (content[:-9], b"", content[:100] + bytes([content[100] ^ 1]) + content[101:]):
        file.write_bytes(damage)
        assert learnt(digits).hash == first.hash
        assert files(kept) == [file] and file.read_bytes() == content


def test_an_interruption_leaves_nothing_and_the_next_one_goes_through(digits, short, kept):
    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        learnt(digits, progress=stop)
    assert files(kept) == []
    learnt(digits)
    assert len(files(kept)) == 1


def test_a_disk_that_takes_nothing_costs_time_and_not_the_score(digits, short, kept, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GENTUI_HOME", str(tmp_path / "file"))
    told = []
    first = learnt(digits, progress=lambda *done: told.append(done))
    assert learnt(digits, progress=lambda *done: told.append(done)).hash == first.hash
    assert len(told) == 10, "this process learns it once"


def test_two_processes_at_once_end_with_one_probe(tmp_path, digits, kept):
    folder = write(tmp_path / "mine", digits.train, 160)
    code = (
        "import sys\n"
        "from engine.data.dataset import open_dataset\n"
        "from engine.evaluation.extractors import load_extractor\n"
        "from engine.settings.datasets.folders import ImageFolder\n"
        "settings = ImageFolder.model_validate({'path': sys.argv[1], 'batch_size': 8, 'image_size': 8})\n"
        "print(load_extractor('probe', dataset=open_dataset(settings)).hash)"
    )
    both = [Forked(["-c", code, folder]) for _ in range(2)]
    said = [process.communicate()[0].strip() for process in both]
    assert [process.wait() for process in both] == [0, 0]
    (file,) = files(kept)
    assert said == [file.stem.rpartition("-")[2][:8]] * 2


@pytest.mark.parametrize(("size", "shown"), [(5, 5), (12, 12), (28, 28), (40, 40), (96, 64)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_size_and_any_channels_have_a_net(digits, short, size, shown, channels):
    few = torch.arange(100)
    images = torch.nn.functional.interpolate(digits.train.images[few].float(), size=(size, size)).to(
        torch.uint8
    )
    split = Split(images.expand(-1, channels, -1, -1).contiguous(), digits.train.labels[few])
    dataset = replace(digits, train=split, test=split)
    dataset = replace(dataset, fingerprint=fingerprint(dataset))
    extractor = learnt(dataset)
    assert (extractor.size, extractor.channels) == ((shown, shown), channels)
    features, logits = extractor.features_and_logits(split.images[:3])
    assert features.shape == (3, extractor.dims) and logits.shape == (3, 10)
    assert features.isfinite().all() and logits.isfinite().all()


@pytest.fixture
def faces(tmp_path) -> Path:
    """Drawn faces of 32×32 with a file of their fifteen attributes."""
    stored, folder = toonfaces.faces(80, 32), tmp_path / "faces"
    folder.mkdir()
    rows = []
    for i, (image, row) in enumerate(zip(stored.images, stored.arrays["attributes"], strict=True)):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{i}.png")
        rows.append(",".join([f"{i}.png", *("1" if value else "-1" for value in row.tolist())]))
    header = ",".join(["name", *FACE_ATTRIBUTES])
    (folder / "my_attributes.csv").write_text("\n".join([header, *rows]))
    return folder


def test_attributes_are_learnt_group_by_group_or_alone(faces, short, kept):
    values = {"path": str(faces), "batch_size": 8, "image_size": 32}
    hashes = set()
    for groups in ([], [6, 4, 3, 2]):
        dataset = open_dataset(AttributeFolder.model_validate(values | {"one_hot": groups}))
        extractor = learnt(dataset)
        assert extractor.attributes == dataset.attributes == FACE_ATTRIBUTES and not extractor.classes
        assert extractor.logits(dataset.test.images).shape == (len(dataset.test), 15)
        assert can_classify(extractor, dataset)
        assert RealImages(dataset, extractor).statistics("test").accuracy is not None
        assert label_law("data", dataset).draw(4).shape == (4, 15)
        hashes.add(extractor.hash)
    assert len(hashes) == len(files(kept)) == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda d: replace(d, train=replace(d.train, labels=None)), "its images have no labels"),
        (lambda d: replace(d, classes=(*d.classes, "ten")), "its class 'ten' has 0 images"),
        (
            lambda d: replace(
                d, classes=(), attributes=("all",), groups=(),
                train=Split(d.train.images, torch.ones(len(d.train), 1, dtype=torch.uint8)),
                test=Split(d.test.images, torch.ones(len(d.test), 1, dtype=torch.uint8)),
            ),
            "none of its attributes tells 8 images from 8 others",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_taught_is_refused_in_a_sentence_with_the_ways_out(digits, kept, change, why):
    with pytest.raises(ExtractorError) as caught:
        learnt(change(digits))
    for part in (why, "evaluate.extractor=", "evaluate.times=0"):
        assert part in str(caught.value)
    assert not files(kept)


def test_a_probe_without_data_is_refused():
    with pytest.raises(ExtractorError, match="labels"):
        load_extractor("probe")


def test_steps_are_bounded_whatever_the_data(digits):
    for size, images in ((8, 20), (8, 10**6), (28, 10**6), (128, 10**6)):
        blank = Split(torch.zeros(1, dtype=torch.uint8).expand(2, 3, size, size), torch.zeros(2))
        course, _ = probe.course_for(replace(digits, train=blank))
        assert 200 <= course.steps(images // course.batch_size) <= 1000


def test_the_trainer_ends_a_probe_when_it_is_stopped(tmp_path, digits, kept):
    """Through the real trainer: phases are told while the probe is taught, and a stop leaves no file."""
    folder = write(tmp_path / "mine", digits.train, 400)
    recipe = load("digits-unet", [
        "data.dataset=imagefolder", f"data.path={folder}", "data.image_size=28", "model.channels=8",
        "model.groups=4", "train.steps=2",
    ])  # fmt: skip
    run = RunDir.create(tmp_path, recipe.to_toml(), {"recipe": recipe.name}, State())
    process = trainer(run)

    def phases() -> list[dict]:
        path = run.events_path(1)
        return [e for e in iter_events(path) if e.get("phase") == "training the probe"] if path.exists() else []

    wait_for(phases)
    process.send_signal(signal.SIGTERM)
    code, output = finish(process)
    assert "scores are made with a probe trained on the labels of imagefolder" in output
    assert code == 0, output
    last = [e for e in iter_events(run.events_path(1)) if e["kind"] == "status"][-1]
    assert last["status"] == "stopped", json.dumps(last)
    assert files(kept) == []
