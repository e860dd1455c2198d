"""Weights given by path: any that fit are taken and told apart; what does not fit is refused by name, unexecuted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from engine.evaluation.extractors import ExtractorError, load_extractor
from engine.settings.extractors import SHIPPED_WEIGHTS
from tests.support.payloads import PAYLOADS, torch_file

SHIPPED = (SHIPPED_WEIGHTS / "digits-cnn.safetensors").read_bytes()
EXTRACTORS = ["digits-cnn", "inception"]


BAD: dict[str, Callable[[Path], bytes]] = {
    "empty": lambda marker: b"",
    "truncated safetensors": lambda marker: SHIPPED[: len(SHIPPED) // 2],
    "truncated torch file": lambda marker: torch_file({"fc.weight": torch.zeros(1008, 2048)})[:-900],
    "a picture": lambda marker: b"\x89PNG\r\n\x1a\n" + b"\0" * 400,
    "text": lambda marker: b"these are the weights\n" * 50,
    "a header that lies": lambda marker: (1 << 60).to_bytes(8, "little") + b"{}",
    "wrong shapes, safetensors": lambda marker: save(
        {k: v[:1].clone() for k, v in load(SHIPPED).items() if v.dim()}
    ),
    "wrong shapes, torch": lambda marker: torch_file({"fc.weight": torch.zeros(3)}),
    "a tensor": lambda marker: torch_file(torch.zeros(3)),
    "names without tensors": lambda marker: torch_file({"fc.weight": "heavy"}),
    **PAYLOADS,
}


@pytest.mark.parametrize("extractor", EXTRACTORS)
@pytest.mark.parametrize("what", BAD)
def test_a_file_that_is_no_weights_is_refused_by_name_in_one_line(tmp_path, extractor, what):
    marker, path = tmp_path / "ran", tmp_path / "mine.weights"
    path.write_bytes(BAD[what](marker))
    with pytest.raises(ExtractorError) as caught:
        load_extractor(extractor, weights=path)
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message and len(message) < len(str(path)) + 300
    assert not marker.exists() and "weights_only" not in message


@pytest.mark.parametrize("extractor", EXTRACTORS)
@pytest.mark.parametrize("what", ["a directory", "nothing", "closed"])
def test_what_is_no_file_is_refused_by_name(tmp_path, extractor, what):
    path = tmp_path / "mine.weights"
    if what == "a directory":
        path.mkdir()
    elif what == "closed":
        path.write_bytes(SHIPPED)
        path.chmod(0)
        if path.stat().st_uid == 0:
            pytest.skip("root reads everything")
    with pytest.raises(ExtractorError, match=r"mine\.weights"):
        load_extractor(extractor, weights=path)


def test_weights_of_ones_own_need_not_be_those_published_and_carry_their_own_hash(tmp_path):
    state = load(SHIPPED)
    state["head.bias"] += 1
    path = tmp_path / "mine.safetensors"
    path.write_bytes(save(state))
    mine, shipped = load_extractor("digits-cnn", weights=path), load_extractor("digits-cnn")
    assert mine.hash == hashlib.sha256(path.read_bytes()).hexdigest()[:8] != shipped.hash


def course_classifier() -> torch.nn.Module:
    """A LeNet with the author's own names, as its weights are given."""
    from torch import nn

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
            self.fc1, self.fc2, self.fc3 = nn.Linear(256, 128), nn.Linear(128, 64), nn.Linear(64, 10)

        def forward(self, x):
            for conv in (self.conv1, self.conv2):
                x = torch.max_pool2d(torch.relu(conv(x)), 2)
            return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x.flatten(1))))))

    torch.manual_seed(3)
    return Classifier()


@pytest.mark.parametrize("nested", [False, True])
def test_a_lenet_given_by_path_classifies_as_it_does_itself(tmp_path, nested):
    net = course_classifier()
    assert sum(p.numel() for p in net.parameters()) == 44_674
    state = net.state_dict()
    torch.save({"state_dict": state, "epoch": 9} if nested else state, tmp_path / "Classifier.pth")
    extractor = load_extractor("lenet", weights=tmp_path / "Classifier.pth")
    images = torch.randint(0, 256, (5, 3, 28, 28), dtype=torch.uint8)
    with torch.no_grad():
        expected = net((images / 255 - 0.5) / 0.5)
    assert torch.allclose(extractor.logits(images), expected, atol=1e-5)
    assert extractor.features(images).shape == (5, 64) and extractor.classifies == "mnist-m"


def test_a_lenet_of_another_shape_is_refused(tmp_path):
    state = course_classifier().state_dict()
    del state["fc3.bias"]
    torch.save(state, tmp_path / "Classifier.pth")
    with pytest.raises(ExtractorError, match="does not hold the weights of lenet"):
        load_extractor("lenet", weights=tmp_path / "Classifier.pth")
