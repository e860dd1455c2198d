"""Domain-adversarial training of a classifier (Ganin et al. 2016, arXiv 1505.07818)."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.data.batch import Batch
from engine.methods import Context, Metrics
from engine.methods.learner import eval_mode
from engine.methods.single_net import SingleNetMethod
from engine.nets.dann import DANN as Net
from engine.nets.dann import SOURCE, TARGET
from engine.settings import registry
from engine.settings.methods import DANN as DANNSettings


def reversal(progress: float, gamma: float = 10.0) -> float:
    """λ_p = 2/(1 + exp(−γp)) − 1, from 0 towards 1 as ``progress`` goes from 0 to 1 (§5.2.2 of the paper)."""
    return 2 / (1 + math.exp(-gamma * progress)) - 1


class DANN(SingleNetMethod):
    """Cross entropy of class labels, plus binary cross entropy of domains behind a gradient reversal layer.

    Class labels are those of the source domain; of the target domain only images are used. The domain loss is the
    mean over the images of both domains, of which a batch has equally many. If ``adversarial`` is false, or there
    is no target domain, the first term is the whole loss and the net has no domain classifier.
    """

    def __init__(self, settings: DANNSettings, context: Context):
        net = registry.build(context.model, Net, context.spec)
        if not settings.adversarial:
            net.domain = None
        if getattr(context.model, "normalise", False) and context.images is not None:
            other = context.images if context.target_images is None else context.target_images
            net.normalise_by(context.images, other)
        super().__init__(net, context)
        self.settings = settings
        self.total_steps = context.total_steps
        self.step = 0

    @property
    def strength(self) -> float:
        """λ at the current step."""
        return reversal(self.step / max(1, self.total_steps), self.settings.gamma)

    def loss(self, net: nn.Module, batch: Batch) -> tuple[Tensor, Metrics]:
        assert batch.labels is not None, "DANN needs labels"
        target = batch.target if self.settings.adversarial else None
        strength = torch.full((), self.strength, device=batch.images.device)
        with self.autocast():
            logits, domains = net(batch.images, target, strength)
        labels = F.cross_entropy(logits.float(), batch.labels)
        # The two terms work against each other, so their sum measures no progress: "loss" is the label loss alone.
        parts: Metrics = {"loss": labels.detach(), "loss_label": labels.detach()}
        if domains is None:
            return labels, parts
        truth = (torch.arange(len(domains), device=domains.device) >= len(batch)).float()
        domain = F.binary_cross_entropy_with_logits(domains.float(), truth)
        parts["loss_domain"] = domain.detach()
        parts["domain_accuracy"] = ((domains > 0) == (truth > 0)).float().mean()
        parts["lambda"] = self.strength
        return labels + self.settings.domain_weight * domain, parts

    def training_step(self, batch: Batch) -> Metrics:
        metrics = super().training_step(batch)
        self.step += 1
        return metrics

    @torch.no_grad()
    def validate(self, batch: Batch) -> Metrics:
        """Label loss and accuracy on held-out images of the domain that is trained on."""
        assert batch.labels is not None
        _, logits = self.classify(batch.images)
        accuracy = (logits.argmax(1) == batch.labels).float().mean()
        return {"val_loss": F.cross_entropy(logits, batch.labels), "val_accuracy": accuracy}

    @torch.no_grad()
    def classify(self, images: Tensor, of_target: bool = False) -> tuple[Tensor, Tensor]:
        net = self.learner.evaluation_net()
        assert isinstance(net, Net)
        with eval_mode(net), self.autocast():
            features = net.extractor(net.normalised(images, TARGET if of_target else SOURCE))
            return features.float(), net.labels(features).float()

    def state(self) -> dict[str, Any]:
        return {**super().state(), "step": self.step}

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.step = state["step"]
