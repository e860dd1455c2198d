"""Which metrics share a chart, and in which order charts stand."""

import pytest

from gentui.metrics.grouping import TOGETHER, charts

GAN = [
    "loss_d_real",
    "loss_d_fake",
    "loss",
    "loss_g_aux",
    "loss_g_adv",
    "loss_g",
    "wasserstein",
    "grad_norm_d",
    "lr",
]
VAE = ["loss", "mse", "kl", "grad_norm", "lr", "images_per_s", "epoch", "val_loss", "val_mse", "val_kl"]
DANN = ["loss", "loss_label", "loss_domain", "lambda", "val_loss", "val_accuracy"]


def test_what_is_read_together_shares_a_chart():
    assert {("loss", "val_loss"), ("mse", "val_mse"), ("kl", "val_kl")} <= set(charts(VAE))
    assert {("loss_d_real", "loss_d_fake"), ("loss_g_adv", "loss_g_aux")} <= set(charts(GAN))
    assert ("loss_label", "loss_domain") in charts(DANN)
    assert ("target_accuracy", "oracle_target_accuracy") in charts(
        DANN, ["oracle_target_accuracy", "source_accuracy", "target_accuracy"]
    )


@pytest.mark.parametrize(
    ("names", "scores"), [(GAN, ["fid"]), (VAE, ["ssim", "fid"]), (DANN, ["selection"]), ([], [])]
)
def test_every_metric_is_drawn_once(names, scores):
    drawn = [name for group in charts(names, scores) for name in group]
    assert sorted(drawn) == sorted(names + scores)


def test_losses_come_first_then_scores_then_the_rest():
    order = [group[0] for group in charts(VAE, ["ssim", "fid"])]
    assert order == ["loss", "mse", "kl", "fid", "ssim", "grad_norm", "lr", "images_per_s", "epoch"]
    order = [group[0] for group in charts(GAN, ["fid"])]
    assert order.index("loss") < order.index("loss_d_real") < order.index("wasserstein") < order.index("fid")
    assert order.index("fid") < order.index("grad_norm_d") < order.index("lr")


def test_signals_of_health_stand_together_before_what_the_schedule_says():
    names = ["health/loss_ratio", "lr", "health/recall", "loss", "epoch", "val_loss", "grad_norm_d"]
    assert charts(names, ["fid"]) == [
        ("loss", "val_loss"), ("fid",), ("grad_norm_d",), ("health/recall",), ("health/loss_ratio",), ("lr",),
        ("epoch",),
    ]  # fmt: skip


def test_half_of_a_pair_stands_alone():
    assert charts(["loss_d_fake", "lr"]) == [("loss_d_fake",), ("lr",)]


def test_a_name_belongs_to_one_group():
    names = [name for group in TOGETHER for name in group]
    assert len(names) == len(set(names))
