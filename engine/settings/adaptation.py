"""Domain adaptation: the net, the method, the scores. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from engine.settings.datasets import Data, Pair
from engine.settings.registry import Conflict, Settings, register


@register("net", "dann")
class DANNNet(Settings):
    """Feature extractor, label predictor and domain classifier for 28×28 images; see ``engine.nets.dann``."""

    net: str = "dann"
    channels: int = Field(
        64, ge=4, le=1024, description="feature maps of the extractor's first two convolutions"
    )
    hidden: list[int] = Field(
        [1024, 256], min_length=2, max_length=2, description="widths of the two hidden layers of each predictor"
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="of whole feature maps, in the extractor")
    factory: ClassVar[str] = "engine.nets.dann:DANN"

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterator[Conflict]:
        data, method = parts.get("data"), parts.get("method")
        if method is not None and not isinstance(method, DANN):
            yield Conflict(
                "net", "net 'dann' predicts labels: only method 'dann' trains it", 'set method.name = "dann"'
            )
        if isinstance(data, Data) and data.image_shape[1:] != (28, 28):
            _, height, width = data.image_shape
            yield Conflict(
                "net", f"net 'dann' takes 28×28 images, not {height}×{width}", "set data.image_size = 28"
            )


@register("method", "dann")
class DANN(Settings):
    """Domain-adversarial training (Ganin et al. 2016), or, without the adversary, plain supervised training."""

    name: str = "dann"
    adversarial: bool = Field(
        True, description="train features that do not tell the domains apart; false: the labels alone"
    )
    gamma: float = Field(
        10.0, gt=0, description="how fast the reversal grows: λ = 2/(1+exp(−gamma·progress)) − 1"
    )
    factory: ClassVar[str] = "engine.methods.dann:DANN"
    family: ClassVar[str] = "dann"
    samplers: ClassVar[tuple[str, ...]] = ("none",)
    figures: ClassVar[tuple[str, ...]] = ("tsne", "confusion")

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterator[Conflict]:
        data, net, metric = parts.get("data"), parts.get("model"), parts.get("evaluate")
        if net is not None and not isinstance(net, DANNNet):
            yield Conflict(
                "name", "method 'dann' needs a net that tells labels and domains", 'set model.net = "dann"'
            )
        if metric is not None and not isinstance(metric, Accuracy):
            yield Conflict("name", "method 'dann' makes no images to score", 'set evaluate.metric = "accuracy"')
        if data is None:
            return
        if not isinstance(data, Pair):
            yield Conflict(
                "name", "method 'dann' needs data of two domains", "choose a pair, such as digitsm-digits"
            )
        elif data.supervision == "target" and self.adversarial:
            yield Conflict(
                "adversarial", 'with data.supervision = "target" there is one domain only',
                "set method.adversarial = false",
            )  # fmt: skip


@register("metric", "accuracy")
class Accuracy(Settings):
    """Accuracy on the target domain at the checkpoint chosen without its labels; see
    ``engine.evaluation.adaptation``."""

    metric: str = "accuracy"
    times: int = Field(10, ge=0, le=1000, description="scores, spread evenly over the run; 0: none")
    batch_size: int = Field(512, ge=1, le=65536, description="images classified at once")
    factory: ClassVar[str] = "engine.evaluation.adaptation:AccuracyScorer"

    def conflicts(self, parts: Mapping[str, Settings]) -> Iterator[Conflict]:
        data, method = parts.get("data"), parts.get("method")
        if method is not None and not isinstance(method, DANN):
            yield Conflict(
                "metric", "accuracy is of methods that predict labels", 'set evaluate.metric = "fid"'
            )
        if isinstance(data, Data) and not data.validation and self.times:
            yield Conflict(
                "metric", "the checkpoint is chosen on validation images, and none are held out",
                "set data.validation, to 0.1 for example",
            )  # fmt: skip
