"""One image file as a square of RGB pixels, whatever kind of image it is."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import Image, UnidentifiedImageError

MIN_SIDE = 4
MAX_PIXELS = 80_000_000
_ONE_AT_A_TIME = 8_000_000  # pixels from which images are decoded singly, so that memory stays bounded
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
    """Why an image cannot be used, in words that fit many images: "truncated or damaged"."""


@contextlib.contextmanager
def pillow_warnings_ignored() -> Iterator[None]:
    """Pillow's warnings about large images and odd metadata are not for the log: reasons are counted instead."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\..*")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def decode(path: str, size: int) -> np.ndarray:
    """The middle square of an image, resized: uint8 3,size,size. The first frame of several; transparent parts
    on white; turned as its EXIF says. Raises Unusable."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            if min(width, height) < MIN_SIDE:
                raise UnusableImage(f"narrower than {MIN_SIDE} pixels")
            if width * height > MAX_PIXELS:
                raise UnusableImage(f"larger than {MAX_PIXELS // 1_000_000} megapixels")
            turn = _turn(image)
            if image.format == "JPEG":  # decodes at a half, a quarter or an eighth where that is ample
                image.draft(None, (2 * size, 2 * size))
            with _large if width * height > _ONE_AT_A_TIME else contextlib.nullcontext():
                square = rgb(_middle(image)).resize((size, size), Image.Resampling.LANCZOS)
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
    except Exception as error:  # decoders fail in every way there is
        raise UnusableImage("truncated or damaged") from error
    if turn is not None:
        square = square.transpose(turn)
    return np.asarray(square).transpose(2, 0, 1)


def rgb(image: Image.Image) -> Image.Image:
    """Any mode as RGB. Raises Unusable for modes without a meaning as a picture."""
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


def _middle(image: Image.Image) -> Image.Image:
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    image.load()
    square = image.crop((left, top, left + side, top + side))
    square.info = image.info
    return square


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What EXIF asks for. A square of the middle may be turned after it was resized."""
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged metadata turns nothing
        return None
