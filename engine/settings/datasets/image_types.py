"""Which files are images: by the endings of their names, or else by their first bytes. Torch-free."""

from __future__ import annotations

import os
import re

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".jfif", ".jpe", ".avif", ".jp2", ".ppm", ".pgm",
)  # fmt: skip
"""Files so called are taken for images without being opened; what they hold is seen when they are decoded."""

_OTHERS = (
    ".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".toml", ".md", ".html", ".htm", ".log", ".py",
    ".ipynb", ".sh", ".mat", ".npy", ".npz", ".pt", ".pth", ".pkl", ".h5", ".parquet", ".safetensors", ".zip", ".tar",
    ".gz", ".bz2", ".xz", ".7z", ".rar", ".pdf", ".svg", ".mp4", ".avi", ".mov", ".mp3", ".wav", ".lock", ".crdownload",
)  # fmt: skip
"""Files so called are no images, and are not opened either."""

_BEGINNINGS = re.compile(
    rb"\x89PNG\r\n\x1a\n"
    rb"|\xff\xd8\xff"  # JPEG
    rb"|GIF8[79]a"
    rb"|RIFF....WEBP"
    rb"|BM....\0\0\0\0....[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"  # BMP: reserved bytes, size of the next header
    rb"|II[*+]\0|MM\0[*+]"  # TIFF
    rb"|P[1-7]\s[\s#\dW]"  # PBM, PGM, PPM, PAM
    rb"|\0\0\0\x0cjP  \r\n|\xff\x4f\xff\x51"  # JPEG 2000
    rb"|....ftyp(avif|avis|heic|heix|heim|heis|mif1|msf1)"
    rb"|\0\0\0\x0cJXL \r\n|\xff\x0a"  # JPEG XL
    rb"|8BPS\0[\x01\x02]|\0\0\x01\0[\x01-\x40]\0|qoif|v/1\x01|DDS \x7c",  # Photoshop, icon, QOI, OpenEXR, DDS
    re.DOTALL,
)
"""How image files begin, those that Pillow cannot decode among them: these are told then, not passed over."""

_HEADER = 32  # bytes


def is_image(path: str) -> bool:
    """Whether a regular file is an image. It is opened only if the ending of its name does not say.

    Raises OSError if it has to be opened and cannot be.
    """
    name = path.lower()
    if name.endswith(SUFFIXES):
        return True
    if name.endswith(_OTHERS):
        return False
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return _BEGINNINGS.match(os.read(descriptor, _HEADER)) is not None
    finally:
        os.close(descriptor)


def without_suffix(name: str) -> str:
    """The name of an image without the ending that says its type, if it has such an ending."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122
    return stem if suffix.lower() in SUFFIXES else name
