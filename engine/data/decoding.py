"""Decoding an image file of any kind to a square of RGB pixels."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import Image, UnidentifiedImageError

MIN_SIDE = 4
MAX_PIXELS = 80_000_000
_ONE_AT_A_TIME = 8_000_000  # larger images (in pixels) are decoded one at a time, to bound memory
_large = threading.Lock()

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnusableImage(Exception):
    """An image that cannot be used. The message is a reason that many images may share: "truncated or damaged"."""


@contextlib.contextmanager
def pillow_warnings_ignored() -> Iterator[None]:
    """Ignore Pillow's warnings about large images and odd metadata: unusable images are counted and reported."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\..*")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def decode(path: str, size: int) -> np.ndarray:
    """Decode an image, crop its centre square and resize it: uint8 3,size,size.

    Of several frames the first is taken; transparency is put on white; the EXIF orientation is applied. Raises
    UnusableImage.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            if min(width, height) < MIN_SIDE:
                raise UnusableImage(f"narrower than {MIN_SIDE} pixels")
            if width * height > MAX_PIXELS:
                raise UnusableImage(f"larger than {MAX_PIXELS // 1_000_000} megapixels")
            if image.format == "JPEG":  # decode at 1/2, 1/4 or 1/8 of the size if that is enough
                image.draft(None, (2 * size, 2 * size))
            with _large if width * height > _ONE_AT_A_TIME else contextlib.nullcontext():
                square = rgb(_center_crop(image)).resize((size, size), Image.Resampling.LANCZOS)
            turn = _orientation(image)
    except UnusableImage:
        raise
    except Image.DecompressionBombError:
        raise UnusableImage(f"larger than {MAX_PIXELS // 1_000_000} megapixels") from None
    except UnidentifiedImageError:
        raise UnusableImage("not readable as an image") from None
    except PermissionError:
        raise UnusableImage("closed to you") from None
    except FileNotFoundError:
        raise UnusableImage("gone") from None
    except Exception as error:  # decoders raise any kind of exception
        raise UnusableImage("truncated or damaged") from error
    if turn is not None:
        square = square.transpose(turn)
    return np.asarray(square).transpose(2, 0, 1)


def rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to RGB. Raises UnusableImage for floating-point images."""
    if image.mode.startswith("I"):  # grey of 16 bits, which Pillow would clip
        deep = np.asarray(image).astype(np.int64)
        grey = (deep.clip(0, 65535) * 255 + 32767) // 65535
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise UnusableImage("of floating-point numbers")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGB", layer.size, "white")
        ground.paste(layer, mask=layer.getchannel("A"))
        return ground
    return image.convert("RGB")


def _center_crop(image: Image.Image) -> Image.Image:
    """The largest centred square."""
    image.load()  # turns a TIFF as its orientation asks for, and forgets that
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    square.info = image.info
    return square


def _orientation(image: Image.Image) -> Image.Transpose | None:
    """The transposition that EXIF asks for, if any. It commutes with the centre crop and the resizing."""
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged metadata
        return None
