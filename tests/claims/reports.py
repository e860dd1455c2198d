"""The claims of the published reports, each with the experiments it needs and what would make it hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, stdev

from tests.claims.measures import Measured

Runs = dict[str, list[Measured]]


@dataclass(frozen=True)
class Verdict:
    """``figures`` is what was measured; ``holds`` is None where the figures do not tell."""

    figures: str
    holds: bool | None


@dataclass(frozen=True)
class Claim:
    """``needs`` are names of experiments, ``judge`` gets their runs. A claim without a judge cannot be tested here, for
    the reason ``why_not``."""

    report: str
    sentence: str
    needs: tuple[str, ...] = ()
    judge: Callable[[Runs], Verdict] | None = None
    why_not: str = ""
    what: str = field(default="", kw_only=True)


def spread(values: list[float], digits: int = 2) -> str:
    """``12.30 ± 0.41``: the mean and, of several seeds, their standard deviation."""
    text = f"{fmean(values):.{digits}f}"
    return text + (f" ± {stdev(values):.{digits}f}" if len(values) > 1 else "")


def each(runs: list[Measured], of: Callable[[Measured], float]) -> list[float]:
    return [of(run) for run in runs]


def fid(runs: list[Measured]) -> list[float]:
    return each(runs, lambda run: run.score("fid"))


def lower(first: str, second: str) -> Callable[[Runs], Verdict]:
    """FID of the first is lower than that of the second, for the mean over seeds."""

    def judge(runs: Runs) -> Verdict:
        a, b = fid(runs[first]), fid(runs[second])
        return Verdict(f"FID {spread(a)} against {spread(b)}", fmean(a) < fmean(b))

    return judge


def alike(runs: Runs) -> Verdict:
    a, b = fid(runs["fashion spatial"]), fid(runs["fashion noise"])
    return Verdict(f"FID {spread(a)} against {spread(b)}", fmean(a) > 0.9 * fmean(b))


def unets(runs: Runs) -> Verdict:
    names = ("unet block", "unet concat")
    found = {name: fmean(each(runs[name], lambda run: run.score("label_accuracy"))) for name in names}
    figures = f"requested label shown by {found['unet concat']:.3f} of the samples, by {found['unet block']:.3f} with "
    return Verdict(figures + "an embedding in every block", found["unet concat"] < 0.8 * found["unet block"])


def conditional_batchnorm(runs: Runs) -> Verdict:
    found = [
        (runs[name][0].score("label_accuracy"), runs[name][0].score("fid"))
        for name in ("unet cbn", "unet concat")
    ]
    (accuracy, distance), (accuracy_once, distance_once) = found
    figures = f"label {accuracy:.3f}, FID {distance:.2f} against {accuracy_once:.3f}, {distance_once:.2f}"
    return Verdict(figures, accuracy > accuracy_once and distance < distance_once)


def pool_first(runs: Runs) -> Verdict:
    a, b = runs["unet pool first"][0], runs["unet block"][0]
    figures = (
        f"label {a.score('label_accuracy'):.3f} (chance 0.1), FID {a.score('fid'):.1f} against "
        f"{b.score('label_accuracy'):.3f}, {b.score('fid'):.1f}"
    )
    return Verdict(figures, a.score("label_accuracy") < 0.3 and a.score("fid") > 3 * b.score("fid"))


def one_blob(runs: Runs) -> Verdict:
    found = {
        name: runs[name][0].spread for name in ("unet block", "unet concat", "unet cbn", "unet pool first")
    }
    figures = "spread of samples over real " + ", ".join(f"{value:.2f}" for value in found.values())
    return Verdict(f"{figures} after one epoch", None if min(found.values()) > 0.3 else True)


def small_latent(runs: Runs) -> Verdict:
    small, usual = (each(runs[name], lambda run: run.sharpness) for name in ("vae small latent", "vae"))
    ssim = [spread(each(runs[name], lambda run: run.score("ssim")), 3) for name in ("vae small latent", "vae")]
    figures = f"2 dimensions: sharpness {spread(small)}, SSIM {ssim[0]}; 16: {spread(usual)}, {ssim[1]}"
    return Verdict(figures, max(small) < min(usual))


def heavy_divergence(runs: Runs) -> Verdict:
    heavy, usual = (each(runs[name], lambda run: run.spread) for name in ("vae heavy divergence", "vae"))
    figures = f"spread of samples over real {spread(heavy)} at weight 30, {spread(usual)} as it ships"
    return Verdict(figures, fmean(heavy) < 0.3 * fmean(usual))


def overfits(runs: Runs) -> Verdict:
    run = runs["cats overfit"][0]
    validation = run.series("val_loss")
    lowest = min(validation)
    place = validation.index(lowest) / max(1, len(validation) - 1)
    figures = f"validation loss {lowest:.4f} at {place:.0%} of the run, {validation[-1]:.4f} at its end"
    return Verdict(figures, validation[-1] > 1.02 * lowest)


def black_corners(runs: Runs) -> Verdict:
    (drawn, real), (plain, _) = runs["cats augmented"][0].corners, runs["cats overfit"][0].corners
    figures = f"corners of samples {drawn:.0f} of 255, without rotation {plain:.0f}, of real crops {real:.0f}"
    return Verdict(figures, drawn < 0.75 * plain)


def ddpm_loss(runs: Runs) -> Verdict:
    run = runs["cats ddpm"][0]
    losses, scores = run.series("loss"), run.scores("fid", "selection")
    early = fmean(losses[: max(1, len(losses) // 50)])
    late = fmean(losses[-max(1, len(losses) // 5) :])
    middle = fmean(losses[len(losses) // 5 : 2 * len(losses) // 5])
    figures = f"loss {early:.3f}, {middle:.3f} from a fifth on, {late:.3f} at the end; FID " + ", ".join(
        f"{score:.0f}" for score in scores
    )
    return Verdict(figures, late > 0.5 * middle and scores[-1] < 0.7 * scores[0])


def unsteady(run: Measured) -> float:
    """The largest ratio of a score of a run to the one before it."""
    scores = run.scores("fid", "selection")
    return max((later / before for before, later in pairwise(scores)), default=1.0)


def stable_and_sharper(runs: Runs) -> Verdict:
    names = ("faces dcgan", "faces sngan")
    (dc, sn) = (each(runs[name], unsteady) for name in names)
    (blurred, sharp) = (each(runs[name], lambda run: run.sharpness) for name in names)
    figures = (
        f"largest rise of FID from score to score ×{spread(dc)} against ×{spread(sn)}; sharpness {spread(blurred)} "
        f"against {spread(sharp)}; FID {spread(fid(runs[names[0]]), 0)} against {spread(fid(runs[names[1]]), 0)}"
    )
    return Verdict(figures, fmean(sn) < fmean(dc) and abs(fmean(sharp) - 1) < abs(fmean(blurred) - 1))


def penalised(runs: Runs) -> Verdict:
    names = ("faces wgan-gp", "faces dragan", "faces sngan")
    rises = {name: fmean(each(runs[name], unsteady)) for name in names}
    sharp = {name: fmean(each(runs[name], lambda run: run.sharpness)) for name in names}
    figures = "; ".join(
        f"{name.removeprefix('faces ')}: rise ×{rises[name]:.2f}, sharpness {sharp[name]:.2f}" for name in names
    )
    stable = max(rises["faces wgan-gp"], rises["faces dragan"]) <= 1.25
    blurry = max(sharp["faces wgan-gp"], sharp["faces dragan"]) < sharp["faces sngan"]
    return Verdict(figures, stable and blurry)


def guidance(runs: Runs) -> Verdict:
    found = {
        weight: (runs[f"guidance {weight}"][0].score("label_accuracy"), runs[f"guidance {weight}"][0].spread)
        for weight in (0, 2)
    }
    figures = "; ".join(
        f"w = {w}: label {accuracy:.3f}, spread within classes {s:.2f}" for w, (accuracy, s) in found.items()
    )
    return Verdict(figures, found[2][0] > found[0][0] and found[2][1] < found[0][1])


CARTOONS = ("projection", "div", "sn", "gp", "noconcat", "clip")
"""In the published order, the best first."""


def cartoon_order(runs: Runs) -> Verdict:
    found = {name: runs[f"cartoon {name}"][0].score("fid") for name in CARTOONS}
    order = sorted(found, key=found.__getitem__)
    figures = ", ".join(f"{name} {found[name]:.0f}" for name in order)
    return Verdict(f"FID {figures}", order == list(CARTOONS))


def accuracy(name: str) -> Callable[[Runs], float]:
    return lambda runs: runs[name][0].score("attribute_accuracy")


def no_concat(runs: Runs) -> Verdict:
    run, usual = runs["cartoon noconcat"][0], runs["cartoon gp"][0]
    figures = (
        f"largest rise of FID ×{unsteady(run):.2f} against ×{unsteady(usual):.2f}; FID {run.score('fid'):.0f} against "
        f"{usual.score('fid'):.0f}"
    )
    return Verdict(figures, unsteady(run) > unsteady(usual) and run.score("fid") > usual.score("fid"))


def clipping(runs: Runs) -> Verdict:
    clip, usual = (accuracy(name)(runs) for name in ("cartoon clip", "cartoon gp"))
    figures = f"attributes as asked for: {clip:.3f} against {usual:.3f} (chance 0.62)"
    return Verdict(figures, clip < 0.7 and clip < usual - 0.05)


def later_worse(runs: Runs) -> Verdict:
    last = {name: runs[f"cartoon {name}"][0].scores("fid", "selection") for name in CARTOONS}
    worse = {name: scores[-1] / min(scores) for name, scores in last.items()}
    figures = "last FID over the best: " + ", ".join(f"{name} ×{value:.2f}" for name, value in worse.items())
    return Verdict(figures, None if max(worse.values()) < 1.5 else True)


def adaptation(runs: Runs) -> Verdict:
    found = {
        name: each(runs[f"adaptation {name}"], lambda run: run.score("target_accuracy"))
        for name in ("source", "dann", "target")
    }
    means = {name: fmean(values) for name, values in found.items()}
    figures = ", ".join(f"{name} {spread(values, 3)}" for name, values in found.items())
    return Verdict(f"target accuracy: {figures}", means["source"] < means["dann"] < means["target"])


def losses(runs: Runs) -> Verdict:
    noise, by_class = (runs[name][0].last_loss() for name in ("fashion noise", "fashion class"))
    figures = (
        f"mean of the last 200 batches {noise:.4f} and {by_class:.4f}; the authors' logs have 0.154 and 0.146"
    )
    return Verdict(figures, abs(noise / 0.154 - 1) < 0.05 and abs(by_class / 0.146 - 1) < 0.05)


FASHION, CATS = "ResNet/UNet Fashion-MNIST", "cats VAE, cats DDPM"
FACES, DIGITS, DOMAINS, CARTOON = "GANs on faces", "DDPM on MNIST-M", "domain adaptation", "cartoon faces"
NO_DATA = "the original images are needed to see"

CLAIMS = [
    Claim(FASHION, "conditioning on the noise level helps", ("fashion noise", "fashion basic"),
          lower("fashion noise", "fashion basic"), what="published budget"),
    Claim(FASHION, "conditioning on the class helps more", ("fashion class", "fashion noise"),
          lower("fashion class", "fashion noise"), what="published budget"),
    Claim(FASHION, "coordinates as input channels do not help", ("fashion spatial", "fashion noise"), alike,
          what="published budget"),
    Claim(FASHION, "final losses of noise and class", ("fashion noise", "fashion class"), losses,
          what="published budget"),
    Claim(FASHION, "a UNet that is told the class once, beside its input, draws few classes",
          ("unet block", "unet concat"), unets, what="UNets of 16 channels, 900 steps"),
    Claim(FASHION, "the class in the conditional BatchNorm improves on that", ("unet cbn", "unet concat"),
          conditional_batchnorm, what="UNets of 16 channels, 900 steps"),
    Claim(FASHION, "pooling before the first convolution fails", ("unet pool first", "unet block"), pool_first,
          what="UNets of 16 channels, 900 steps"),
    Claim(FASHION, "some UNets end as one blob after 10 to 25 epochs",
          ("unet block", "unet concat", "unet cbn", "unet pool first"), one_blob,
          what="the same, which are too short for it"),
    Claim("UNet on CelebA", "45 million parameters draw convincing faces", why_not=NO_DATA),
    Claim(CATS, "a small latent space gives averages", ("vae small latent", "vae"), small_latent,
          what="digits, three seeds"),
    Claim(CATS, "a heavy divergence gives one cat", ("vae heavy divergence", "vae"), heavy_divergence,
          what="digits, three seeds"),
    Claim(CATS, "without augmentation the VAE overfits", ("cats overfit",), overfits,
          what="crops of photographs 32×32, 3,000 steps"),
    Claim(CATS, "the overfitted VAE scores better than the augmented one", ("cats overfit", "cats augmented"),
          lower("cats overfit", "cats augmented"), what="crops of photographs 32×32, 3,000 steps"),
    Claim(CATS, "black corners of rotated images come back in samples", ("cats overfit", "cats augmented"),
          black_corners, what="crops of photographs 32×32, 3,000 steps"),
    Claim(CATS, "the loss of a DDPM falls soon, while samples stay bad", ("cats ddpm",), ddpm_loss,
          what="crops of photographs 32×32, 3,000 steps"),
    Claim(FACES, "DCGAN is unstable; SNGAN is stable and sharper", ("faces dcgan", "faces sngan"), stable_and_sharper,
          what="crops of photographs 64×64, 16 channels, 1,000 steps, three seeds"),
    Claim(FACES, "penalised critics are stable and blurry", ("faces wgan-gp", "faces dragan", "faces sngan"), penalised,
          what="crops of photographs 64×64, 16 channels, 1,000 steps, three seeds"),
    Claim(DIGITS, "guidance draws the class clearer, and less varied", ("guidance 0", "guidance 2"), guidance,
          what="digits"),
    Claim(DIGITS, "999 of 1,000 samples show the digit asked for", why_not="the course's classifier is needed to see"),
    Claim(DOMAINS, "adversarial training closes part of the gap between domains",
          ("adaptation source", "adaptation dann", "adaptation target"), adaptation,
          what="small digits over photographs → large plain digits, three seeds"),
    Claim(DOMAINS, "the gap to SVHN is wider than that to USPS", why_not="neither SVHN nor USPS is here to see"),
    Claim(CARTOON, "from best to worst: projection, divergence, spectral norm, penalty, condition once, clipping",
          tuple(f"cartoon {name}" for name in CARTOONS), cartoon_order,
          what="drawn faces 64×64, 16 channels, 2,500 steps"),
    Claim(CARTOON, "a generator that gets the condition once is unstable", ("cartoon noconcat", "cartoon gp"),
          no_concat, what="drawn faces 64×64, 16 channels, 2,500 steps"),
    Claim(CARTOON, "with clipping the condition is ignored", ("cartoon clip", "cartoon gp"), clipping,
          what="drawn faces 64×64, 16 channels, 2,500 steps"),
    Claim(CARTOON, "long training ends in collapse", tuple(f"cartoon {name}" for name in CARTOONS), later_worse,
          what="drawn faces 64×64, 16 channels, 2,500 steps, which is short"),
]  # fmt: skip
