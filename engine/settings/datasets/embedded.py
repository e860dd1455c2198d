"""Data sets that ship with gentui, or are drawn or made from what ships: nothing to download."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from engine.settings.datasets.base import DIGITS, Data, Pair
from engine.settings.registry import register


@register("dataset", "digits")
class Digits(Data):
    """scikit-learn's copy of the UCI handwritten digits: 1,797 grey images of 8×8, values 0…16."""

    dataset: str = "digits"
    factory: ClassVar[str] = "engine.data.digits:load"
    title: ClassVar[str] = "scikit-learn digits, 8×8"
    shape: ClassVar[tuple[int, int, int]] = (1, 8, 8)
    classes: ClassVar[tuple[str, ...]] = DIGITS
    sizes: ClassVar[dict[str, int]] = {"train": 1437, "test": 360}
    embedded: ClassVar[bool] = True
    extractor: ClassVar[str] = "digits-cnn"


HAIR = ("black", "brown", "blond", "red", "blue", "pink")


EYES = ("brown", "blue", "green", "grey")


SKIN = ("light", "tan", "dark")


GLASSES = ("with", "without")


FACE_ATTRIBUTES = (
    *(f"{colour} hair" for colour in HAIR),
    *(f"{colour} eyes" for colour in EYES),
    *(f"{tone} skin" for tone in SKIN),
    *(f"{what} glasses" for what in GLASSES),
)


FACE_GROUPS = (len(HAIR), len(EYES), len(SKIN), len(GLASSES))


@register("dataset", "digits-m")
class DigitsM(Data):
    """scikit-learn's digits at 28×28, blended over patches of its two photographs: |patch - digit|, the
    construction of MNIST-M (Ganin et al. 2016)."""

    dataset: str = "digits-m"
    digit: int = Field(
        28, ge=8, le=28, description="side of the digit in pixels, centred in its patch; 28 fills the patch"
    )
    factory: ClassVar[str] = "engine.data.digits_m:load"
    title: ClassVar[str] = "digits blended over photographs, 28×28"
    shape: ClassVar[tuple[int, int, int]] = (3, 28, 28)
    classes: ClassVar[tuple[str, ...]] = DIGITS
    sizes: ClassVar[dict[str, int]] = {"train": 1437, "test": 360}
    embedded: ClassVar[bool] = True
    extractor: ClassVar[str] = "digitsm-cnn"


@register("dataset", "photos")
class Photos(Data):
    """64×64 crops of scikit-learn's two photographs, a dahlia and a pagoda, at half size; no crop of the test split
    shares a pixel with one of the training split."""

    dataset: str = "photos"
    factory: ClassVar[str] = "engine.data.photos:load"
    title: ClassVar[str] = "crops of two photographs, 64×64"
    shape: ClassVar[tuple[int, int, int]] = (3, 64, 64)
    sizes: ClassVar[dict[str, int]] = {"train": 4128, "test": 1032}
    embedded: ClassVar[bool] = True
    extractor: ClassVar[str] = "photos-cnn"


@register("dataset", "toonfaces")
class ToonFaces(Data):
    """Cartoon faces, drawn by gentui, with four groups of attributes that are independent of each other and of
    everything else in the picture. Drawn on first use (seconds), then cached."""

    dataset: str = "toonfaces"
    factory: ClassVar[str] = "engine.data.toonfaces:load"
    title: ClassVar[str] = "drawn cartoon faces, 128×128"
    shape: ClassVar[tuple[int, int, int]] = (3, 128, 128)
    attributes: ClassVar[tuple[str, ...]] = FACE_ATTRIBUTES
    groups: ClassVar[tuple[int, ...]] = FACE_GROUPS
    sizes: ClassVar[dict[str, int]] = {"train": 4000, "test": 1000}
    embedded: ClassVar[bool] = True
    extractor: ClassVar[str] = "toon-cnn"


@register("dataset", "digitsm-digits")
class DigitsMToDigits(Pair):
    """From small digits over photographs to plain digits that fill their frame: a domain shift without downloads.
    The test digits are the same in both domains, and are trained on in neither."""

    dataset: str = "digitsm-digits"
    title: ClassVar[str] = "small digits over photographs → large plain digits, 28×28"
    source: ClassVar[str] = "digits-m"
    source_values: ClassVar[dict[str, Any]] = {"digit": 16}  # twice the stored size
    target: ClassVar[str] = "digits"
    sizes: ClassVar[dict[str, int]] = {"train": 1437, "test": 360}
    embedded: ClassVar[bool] = True
