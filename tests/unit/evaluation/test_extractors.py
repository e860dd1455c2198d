"""The shipped extractors are as good as stated, say truly what they are, and are never replaced silently."""

from __future__ import annotations

import hashlib
import io
import pickle

import pytest
import torch

from engine.data.dataset import open_dataset, resize
from engine.evaluation.agreement import attribute_accuracy
from engine.evaluation.extractors import ExtractorError, load_extractor
from engine.evaluation.train_extractor import cross_entropy, places
from engine.settings import registry
from engine.settings.datasets.embedded import Digits, Photos, ToonFaces
from engine.settings.datasets.published import FashionMNIST
from engine.settings.extractors import SHIPPED_WEIGHTS, Inception

SHIPPED = ("digits-cnn", "fashion-cnn", "toon-cnn", "photos-cnn")
fashion_is_here = pytest.mark.skipif(
    FashionMNIST.locate() is None, reason="the real Fashion-MNIST is not on this machine"
)


def accuracy(name: str, images: torch.Tensor, labels: torch.Tensor) -> float:
    extractor = load_extractor(name)
    predicted = torch.cat([extractor.logits(batch).argmax(1) for batch in images.split(500)])
    return float((predicted == labels).float().mean())


def test_digits_cnn_is_as_accurate_as_stated():
    test = open_dataset(Digits()).test
    assert accuracy("digits-cnn", test.images, test.labels) >= 0.985


def test_digits_cnn_reads_digits_of_another_size():
    test = open_dataset(Digits(image_size=28)).test
    assert accuracy("digits-cnn", test.images, test.labels) >= 0.97


@fashion_is_here
def test_fashion_cnn_is_as_accurate_as_stated_on_all_ten_thousand_test_images():
    test = open_dataset(FashionMNIST()).test
    assert len(test) == 10_000
    assert accuracy("fashion-cnn", test.images, test.labels) >= 0.92


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_are_small_and_hashed(name):
    path = SHIPPED_WEIGHTS / f"{name}.safetensors"
    assert path.stat().st_size < 1 << 20
    assert load_extractor(name).hash == hashlib.sha256(path.read_bytes()).hexdigest()[:8]


@pytest.mark.parametrize("name", SHIPPED)
def test_features_have_the_stated_width_whatever_the_image(name):
    extractor = load_extractor(name)
    chosen = registry.find("extractor", name)
    for shape in ((1, 8, 8), (1, 28, 28), (3, 32, 32), (1, 20, 24)):
        images = torch.randint(0, 256, (3, *shape), dtype=torch.uint8)
        features = extractor.features(images)
        assert features.shape == (3, chosen.dims) and features.dtype == torch.float32
        if predicted := len(extractor.classes or extractor.attributes):
            assert extractor.logits(images).shape == (3, predicted)
    assert extractor.dims == chosen.dims
    assert bool(extractor.classes or extractor.attributes) is bool(chosen.classifies)


def test_toon_cnn_sees_every_attribute():
    faces = open_dataset(ToonFaces(image_size=64))
    logits = load_extractor("toon-cnn").logits(faces.test.images[:500])
    some, every = attribute_accuracy(logits, faces.test.labels[:500], faces.groups)
    assert some >= 0.998 and every >= 0.98


def test_attribute_accuracy_counts_attributes_and_whole_images():
    requested = torch.tensor([[1, 0, 0, 1, 0], [0, 1, 0, 0, 1]])
    right, one_group_wrong = torch.tensor([[5.0, 1, 0, -1, -2], [0, 1, -1, 3, 2]])
    logits = torch.stack([right, one_group_wrong])
    assert attribute_accuracy(logits, requested, (3, 2)) == (pytest.approx(0.8), 0.5)
    # alone, an attribute is there when its logit is positive
    assert attribute_accuracy(logits, requested) == (pytest.approx(0.7), 0.0)


def test_attributes_are_taught_group_by_group_or_one_by_one():
    logits = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[1, 0, 0, 0, 1], [0, 1, 0, 0, 1], [0, 0, 1, 1, 0], [1, 0, 0, 1, 0]])
    log = [part.log_softmax(1) for part in logits.split([3, 2], 1)]
    want = -(torch.cat(log, 1) * labels).sum(1).mean()
    torch.testing.assert_close(cross_entropy(logits, labels, (3, 2)), want)
    odds = logits.sigmoid()
    want = -(labels * odds.log() + (1 - labels) * (1 - odds).log()).sum(1).mean()
    torch.testing.assert_close(cross_entropy(logits, labels), want)


def test_photos_cnn_knows_the_place_a_crop_was_taken_from():
    photos = places(open_dataset(Photos()))
    extractor = load_extractor("photos-cnn")
    chosen = torch.arange(0, len(photos.train), 16)
    predicted = extractor.logits(photos.train.images[chosen]).argmax(1)
    assert (predicted == photos.train.labels[chosen]).float().mean() >= 0.95


def test_places_number_photograph_row_and_column():
    photos = places(open_dataset(Photos()))
    labels = photos.train.labels.view(2, 24, 86)  # photographs, rows, columns of windows
    assert labels.unique().tolist() == list(range(24))
    assert labels[0, 0, 0] == 0 and labels[0, 0, -1] == 3 and labels[0, -1, -1] == 11 and labels[1, 0, 0] == 12
    assert (labels.diff(dim=2) >= 0).all() and (labels.diff(dim=1) >= 0).all()


def test_features_of_an_image_do_not_depend_on_its_batch_or_on_autocast():
    extractor = load_extractor("digits-cnn")
    images = open_dataset(Digits()).test.images[:40]
    together = extractor.features(images)
    torch.testing.assert_close(torch.cat([extractor.features(i) for i in images.split(1)]), together)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(extractor.features(images), together)


def test_grey_repeated_to_colour_is_the_same_image():
    extractor = load_extractor("digits-cnn")
    grey = open_dataset(Digits()).test.images[:10]
    torch.testing.assert_close(extractor.features(grey.expand(-1, 3, -1, -1)), extractor.features(grey))


def test_the_protocol_says_how_images_are_resized():
    extractor = load_extractor("digits-cnn")
    assert extractor.resize(8, 8) == "none"
    assert extractor.resize(28, 28) == "bilinear-antialias 8×8"


def test_floats_are_levels_that_were_not_rounded(digits):
    extractor, images = load_extractor("digits-cnn"), digits.test.images[:9]
    assert torch.equal(extractor.features(images.float()), extractor.features(images))


@pytest.mark.parametrize("images", [torch.zeros(1, 1, 8, 8).long(), torch.zeros(1, 8, 8)])
def test_other_tensors_are_refused(images):
    with pytest.raises(TypeError, match="uint8"):
        load_extractor("digits-cnn").features(images)


def test_a_channel_count_that_makes_no_sense_is_refused():
    with pytest.raises(ExtractorError, match="4-channel"):
        load_extractor("digits-cnn").features(torch.zeros(1, 4, 8, 8, dtype=torch.uint8))


def test_an_unknown_extractor_is_refused_with_those_known():
    with pytest.raises(ExtractorError, match="digits-cnn"):
        load_extractor("digit-cnn")


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-7], lambda content: b"", lambda content: b"\0" * 99]
)
def test_damaged_weights_are_refused_in_a_sentence(tmp_path, damage):
    path = tmp_path / "w.safetensors"
    path.write_bytes(damage((SHIPPED_WEIGHTS / "digits-cnn.safetensors").read_bytes()))
    with pytest.raises(ExtractorError, match=r"w\.safetensors does not hold the weights of digits-cnn"):
        load_extractor("digits-cnn", weights=path)


def test_another_nets_weights_are_refused():
    with pytest.raises(ExtractorError, match="does not hold the weights of fashion-cnn"):
        load_extractor("fashion-cnn", weights=SHIPPED_WEIGHTS / "digits-cnn.safetensors")


def test_every_parameter_finite():
    for name in SHIPPED:
        state = load_extractor(name).net.state_dict()
        assert all(tensor.isfinite().all() for tensor in state.values())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_same_features():
    images = open_dataset(Digits()).test.images
    on_cpu, on_gpu = (load_extractor("digits-cnn", device).features(images).cpu() for device in ("cpu", "cuda"))
    torch.testing.assert_close(on_gpu, on_cpu, rtol=1e-3, atol=1e-3)


# Inception: its weights cannot be shipped


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine without Inception's weights."""
    monkeypatch.setenv("GENTUI_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path


def test_absent_inception_says_which_file_which_hash_and_where_to(nowhere):
    with pytest.raises(ExtractorError) as caught:
        load_extractor("inception")
    message = str(caught.value)
    for part in (Inception.file, "6726825d", str(nowhere / "data"), "https://"):
        assert part in message
    assert "\n" not in message


def test_a_file_of_another_hash_is_not_even_parsed(nowhere):
    marker = nowhere / "ran"

    class Bomb:
        def __reduce__(self):
            return (marker.touch, ())

    path = nowhere / "data" / Inception.file
    path.parent.mkdir()
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ExtractorError, match="not the published file"):
        load_extractor("inception")
    assert not marker.exists()


def test_a_pickle_that_runs_code_is_refused_even_with_the_right_hash(nowhere, monkeypatch):
    marker = nowhere / "ran"

    class Bomb:
        def __reduce__(self):
            return (marker.touch, ())

    content = pickle.dumps(Bomb(), protocol=2)
    path = nowhere / "w.pth"
    path.write_bytes(content)
    monkeypatch.setattr(Inception, "sha256_prefix", hashlib.sha256(content).hexdigest()[:8])
    with pytest.raises(ExtractorError, match="does not hold the weights of Inception"):
        load_extractor("inception", weights=path)
    assert not marker.exists()


def test_inception_features_equal_torch_fidelitys_own(nowhere, monkeypatch):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    with monkeypatch.context() as patch:  # the architecture, with weights made up here
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        empty = io.BytesIO()
        torch.save({}, empty)
        empty.seek(0)
        torch.manual_seed(0)
        reference = FeatureExtractorInceptionV3("reference", ["2048"], feature_extractor_weights_path=empty)
    path = nowhere / "torch" / "hub" / "checkpoints" / Inception.file
    path.parent.mkdir(parents=True)
    torch.save(reference.state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    monkeypatch.setattr(Inception, "sha256_prefix", digest)
    extractor = load_extractor("inception")
    assert extractor.hash == digest and extractor.dims == 2048 and not extractor.classes
    grey = open_dataset(Digits()).test.images[:2]
    with torch.no_grad():
        expected = reference(resize(grey, (28, 28)).repeat(1, 3, 1, 1))[0]
    torch.testing.assert_close(extractor.features(resize(grey, (28, 28))), expected)
    assert extractor.resize(28, 28) == "tf1-bilinear 299×299"
