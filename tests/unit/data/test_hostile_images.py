"""Every kind of image a folder may hold, good, odd and broken, mixed: used rightly or named, never fatal."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from engine.data.dataset import open_dataset
from engine.data.decoding import MAX_PIXELS, UnusableImage, decode
from engine.settings.datasets.folders import ImageFolder

SIZE = 16
RED, GREEN, BLUE = (220, 30, 40), (20, 180, 60), (30, 60, 210)


def picture(left=RED, right=GREEN, side=48) -> Image.Image:
    """Left half of one colour, right half of another."""
    pixels = np.empty((side, side, 3), np.uint8)
    pixels[:, : side // 2], pixels[:, side // 2 :] = left, right
    return Image.fromarray(pixels)


def halves(path) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Colours in the middle of the left half and of the right half, as decoded."""
    image = decode(str(path), SIZE)
    assert image.shape == (3, SIZE, SIZE) and image.dtype == np.uint8
    return tuple(map(int, image[:, 8, 3])), tuple(map(int, image[:, 8, 12]))


def near(one, other, by=6):
    return np.abs(np.subtract(one, other)).max() <= by


@pytest.mark.parametrize("suffix", ["png", "jpg", "JPEG", "webp", "bmp"])
def test_every_format_is_read(tmp_path, suffix):
    picture().save(tmp_path / f"x.{suffix}", quality=95) if suffix != "bmp" else picture().save(
        tmp_path / "x.bmp"
    )
    left, right = halves(tmp_path / f"x.{suffix}")
    assert near(left, RED, 12) and near(right, GREEN, 12)


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    frames = [picture(), picture(BLUE, BLUE)]
    for suffix in ("gif", "webp", "png"):
        frames[0].save(tmp_path / f"x.{suffix}", save_all=True, append_images=frames[1:], lossless=True)
        left, right = halves(tmp_path / f"x.{suffix}")
        assert near(left, RED) and near(right, GREEN)


def test_cmyk_is_converted(tmp_path):
    picture().convert("CMYK").save(tmp_path / "x.jpg", quality=95)
    left, right = halves(tmp_path / "x.jpg")
    assert near(left, RED, 12) and near(right, GREEN, 12)


def test_a_palette_is_looked_up_and_its_transparent_colour_is_white(tmp_path):
    indexed = picture().quantize(4)
    indexed.save(tmp_path / "plain.png")
    left, right = halves(tmp_path / "plain.png")
    assert near(left, RED) and near(right, GREEN)
    indexed.save(tmp_path / "clear.png", transparency=indexed.getpixel((0, 0)))
    left, right = halves(tmp_path / "clear.png")
    assert near(left, (255, 255, 255)) and near(right, GREEN)


def test_transparent_parts_are_white_and_half_transparent_ones_half(tmp_path):
    image = picture().convert("RGBA")
    image.putalpha(Image.fromarray(np.repeat(np.uint8([[0] * 24 + [128] * 24]), 48, 0)))
    for suffix in ("png", "webp"):
        image.save(tmp_path / f"x.{suffix}", lossless=True)
        left, right = halves(tmp_path / f"x.{suffix}")
        assert near(left, (255, 255, 255)) and near(right, [(c + 255) // 2 for c in GREEN])


def test_grey_with_transparency(tmp_path):
    pixels = np.zeros((48, 48, 2), np.uint8)
    pixels[:, 24:] = (90, 255)
    Image.fromarray(pixels, "LA").save(tmp_path / "x.png")
    assert halves(tmp_path / "x.png") == ((255, 255, 255), (90, 90, 90))


def test_grey_of_sixteen_bits_keeps_its_shades(tmp_path):
    pixels = np.full((48, 48), 0x2000, np.uint16)
    pixels[:, 24:] = 0xC000
    Image.fromarray(pixels).save(tmp_path / "x.png")
    left, right = halves(tmp_path / "x.png")
    assert near(left, (32,) * 3, 1) and near(right, (192,) * 3, 1)


def test_black_and_white_of_one_bit(tmp_path):
    picture((0, 0, 0), (255, 255, 255)).convert("1").save(tmp_path / "x.png")
    assert halves(tmp_path / "x.png") == ((0, 0, 0), (255, 255, 255))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_as_exif_says(tmp_path, orientation):
    upright = Image.fromarray(np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)).resize(
        (64, 64), 0
    )
    turned = {
        1: upright,
        2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: upright.transpose(Image.Transpose.ROTATE_180),
        4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: upright.transpose(Image.Transpose.TRANSPOSE),
        6: upright.transpose(Image.Transpose.ROTATE_90),
        7: upright.transpose(Image.Transpose.TRANSVERSE),
        8: upright.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned.save(tmp_path / "x.png", exif=exif)
    upright.save(tmp_path / "upright.png")
    as_said, expected = (decode(str(tmp_path / f"{name}.png"), SIZE).astype(int) for name in ("x", "upright"))
    assert np.abs(as_said - expected).max() <= 1  # rows and columns are rounded one after the other


def test_large_photographs_look_the_same_decoded_in_part(tmp_path):
    """JPEG is decoded at a fraction of its size where that is ample: the result hardly differs."""
    smooth = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    Image.fromarray(smooth).resize((600, 600), Image.Resampling.BICUBIC).save(tmp_path / "x.jpg", quality=95)
    with Image.open(tmp_path / "x.jpg") as image:
        whole = np.asarray(image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)).transpose(2, 0, 1)
    assert np.abs(decode(str(tmp_path / "x.jpg"), SIZE).astype(int) - whole).mean() < 2


def png(width, height, data=b"", kind=2) -> bytes:
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def encoded(image, kind, **how) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


NOISE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8))
BROKEN = {
    "text.png": (b"<html>not found</html>", "not readable as an image"),
    "empty.jpg": (b"", "not readable as an image"),
    "zeros.webp": (bytes(5000), "not readable as an image"),
    "cut.jpg": (encoded(NOISE, "JPEG")[:-1500], "truncated or damaged"),
    "cut.png": (encoded(NOISE, "PNG")[:3000], "truncated or damaged"),
    "cut.webp": (encoded(NOISE, "WEBP")[:800], "truncated or damaged"),
    "cut.gif": (encoded(NOISE, "GIF")[:1500], "truncated or damaged"),
    "cut.bmp": (encoded(NOISE, "BMP")[:900], "truncated or damaged"),
    "flipped.png": (encoded(NOISE, "PNG").replace(b"IDAT", b"IDAX"), "not readable as an image"),
    "thin.png": (encoded(NOISE.resize((1, 64)), "PNG"), "narrower than 4 pixels"),
    "dot.png": (encoded(NOISE.resize((1, 1)), "PNG"), "narrower than 4 pixels"),
    "bomb.png": (png(30_000, 30_000, zlib.compress(bytes(1000))), "larger than 80 megapixels"),
    "large.png": (png(9_500, 9_500, zlib.compress(bytes(1000))), "larger than 80 megapixels"),
    "endless.png": (png(2**31 - 1, 2**31 - 1), "larger than 80 megapixels"),
    "hollow.png": (png(64, 64), "truncated or damaged"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_used_has_a_reason(tmp_path, name):
    content, reason = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnusableImage, match=reason), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        decode(str(tmp_path / name), SIZE)


def test_the_limit_is_below_what_pillow_refuses():
    assert Image.MAX_IMAGE_PIXELS is not None and MAX_PIXELS < Image.MAX_IMAGE_PIXELS


def test_broken_images_among_good_ones_are_counted_and_named(tmp_path, cache, paint, recwarn):
    paint(tmp_path / "x", 50, size=(24, 20))
    for name, (content, _) in BROKEN.items():
        (tmp_path / "x" / name).write_bytes(content)
    settings = ImageFolder.model_validate({"path": str(tmp_path / "x"), "batch_size": 8, "image_size": 16})
    for _ in range(2):
        dataset = open_dataset(settings)
        assert sum(len(split) for split in dataset.splits.values()) == 50
        (sentence,) = dataset.warnings
        assert sentence.startswith("15 of 65 images could not be used: ") and sentence.endswith(".")
        for _, reason in BROKEN.values():
            assert reason in sentence
        assert "6 truncated or damaged ('cut.bmp', 'cut.gif', 'cut.jpg' and 3 more)" in sentence
    assert not recwarn.list, "Pillow's own warnings are kept out of the log"


HOSTILE = [
    "new\nline.png", "escape\x1b[2J\x1b]0;owned\x07.png", "back\rwards.png", "\u202egnp.exe.png", "tab\t.png",
    "%s%n.png", "-rf.png", "$(reboot).png", "'; DROP TABLE runs; --.png", "a" * 240 + ".png", "ünï©ødé 猫.png",
]  # fmt: skip


def test_hostile_names_break_nothing_and_reach_no_terminal(tmp_path, cache, paint):
    paint(tmp_path / "x", 40)
    image = (tmp_path / "x" / "0000.png").read_bytes()
    for i, name in enumerate(HOSTILE):
        (tmp_path / "x" / name).write_bytes(image + bytes([i]))
        (tmp_path / "x" / f"bad {name}"[:200]).with_suffix(".png").write_bytes(b"nothing")
    raw = os.fsencode(tmp_path / "x")
    for name, content in ((b"\xff\xfe latin.png", image + b"!"), (b"bad \xe9.png", b"nothing")):
        with open(os.path.join(raw, name), "wb") as file:  # noqa: PTH118, PTH123
            file.write(content)
    settings = ImageFolder.model_validate({"path": str(tmp_path / "x"), "batch_size": 8, "image_size": 8})
    for _ in range(2):
        dataset = open_dataset(settings)
        assert sum(len(split) for split in dataset.splits.values()) == 40 + len(HOSTILE) + 1
        assert all(sentence.isprintable() for sentence in dataset.warnings)
        sentence = dataset.warnings[0]
        sentence.encode("utf-8")
        assert sentence.startswith(f"{len(HOSTILE) + 1} of ") and len(sentence) < 500


def test_hostile_names_of_classes_and_folders_are_made_printable(tmp_path, cache, paint):
    top = tmp_path / "top\x1b[31m\n"
    for i, name in enumerate(("a\x1b[2J", "b\nb", "\u202ec")):
        paint(top / name, 20, first=20 * i)
    with open(os.path.join(os.fsencode(top), b"a\x1b[2J", b"bad.png"), "wb") as file:  # noqa: PTH118, PTH123
        file.write(b"x")
    dataset = open_dataset(ImageFolder.model_validate({"path": str(top), "batch_size": 8, "image_size": 8}))
    assert len(dataset.classes) == 3
    assert all(text.isprintable() for text in (*dataset.classes, *dataset.warnings))


def test_good_images_are_decoded_the_same_beside_broken_ones(tmp_path, cache, paint):
    paint(tmp_path / "x", 50)
    settings = ImageFolder.model_validate({"path": str(tmp_path / "x"), "batch_size": 8, "image_size": 8})
    alone = open_dataset(settings)
    for name, (content, _) in BROKEN.items():
        (tmp_path / "x" / name).write_bytes(content)
    among = open_dataset(settings)
    assert torch.equal(alone.train.images, among.train.images) and torch.equal(
        alone.test.images, among.test.images
    )
