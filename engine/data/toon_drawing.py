"""Cartoon faces, drawn from numbers: face number ``i`` is the same face wherever it is drawn.

Flat shapes on a canvas of three times the size, then averaged down. Attributes are independent and uniform;
everything else (pose, shape of the head, cut of the hair, mouth, clothes, background …) varies freely and
means nothing. Free of torch, and a program of its own, so that a second process starts at once::

    python -m engine.data.toon_drawing FILE FIRST STEP COUNT     # writes faces FIRST, FIRST+STEP, … into FILE
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw

from engine.data.toon_shapes import Colour, curve, ellipse, from_hsv, mix, ribbon, superellipse

VERSION = 1
"""Increment when any face is drawn differently: the cached images are then drawn anew."""
SIZE = 128
GROUPS = (6, 4, 3, 2)
_SCALE = 3  # supersampling

HAIR: tuple[Colour, ...] = (
    (42, 38, 48), (122, 74, 40), (246, 208, 98), (206, 76, 34), (70, 118, 224), (246, 134, 186),
)  # fmt: skip
EYES: tuple[Colour, ...] = ((128, 74, 28), (44, 138, 232), (52, 166, 84), (142, 152, 162))
SKIN: tuple[Colour, ...] = ((253, 224, 202), (226, 174, 130), (146, 96, 68))
FRAMES: tuple[Colour, ...] = ((38, 36, 44), (122, 64, 32), (178, 34, 52), (34, 62, 128), (24, 104, 96))
WHITE: Colour = (255, 255, 255)
INK: Colour = (44, 32, 40)


def attributes(number: int) -> tuple[int, int, int, int]:
    """The attributes of face ``number``: (hair colour, eye colour, skin tone, glasses), each an index in its group."""
    rng = random.Random(f"toon attributes {VERSION} {number}")
    hair, eyes, skin, glasses = (int(rng.random() * size) for size in GROUPS)
    return hair, eyes, skin, glasses


def one_hot(number: int) -> np.ndarray:
    """The attributes of face ``number`` as one-hot groups: uint8 15."""
    row = np.zeros(sum(GROUPS), np.uint8)
    start = 0
    for value, size in zip(attributes(number), GROUPS, strict=True):
        row[start + value] = 1
        start += size
    return row


def draw(number: int) -> np.ndarray:
    """Draw face ``number``: uint8 3,128,128."""
    return _Face(number).image()


class _Face:
    """One face on its canvas. Lengths are pixels of the finished image; the head's own centre is (0, 0)."""

    def __init__(self, number: int):
        self._random = random.Random(f"toon face {VERSION} {number}")
        hair, eyes, skin, glasses = attributes(number)
        self.glasses = glasses == 0
        shade = self.between(-0.05, 0.05)
        towards: Colour = WHITE if shade > 0 else (0, 0, 0)
        self.hair = mix(HAIR[hair], towards, abs(shade))
        self.hair_dark = mix(self.hair, (0, 0, 20), 0.24)
        self.hair_light = mix(self.hair, WHITE, 0.22)
        self.skin = mix(SKIN[skin], towards, abs(shade) / 2)
        self.skin_dark = mix(self.skin, (120, 40, 30), 0.2)
        self.iris = EYES[eyes]
        # pose
        self.tilt = math.radians(self.between(-11, 11))
        self.size = self.between(0.98, 1.14)
        self.centre = np.array([64 + self.between(-6, 6), 65 + self.between(-5, 5)])
        self.turn = self.between(-1, 1)  # where the face looks: left or right
        # head
        self.width, self.height = self.between(29, 34), self.between(34, 39)
        self.squareness, self.jaw = self.between(2.0, 2.7), self.between(0.08, 0.34)
        cos, sin = math.cos(self.tilt), math.sin(self.tilt)
        self._matrix = np.array([[cos, sin], [-sin, cos]]) * (self.size * _SCALE)
        self._offset = self.centre * _SCALE
        self.canvas = Image.new("RGB", (SIZE * _SCALE, SIZE * _SCALE))
        self._draw = ImageDraw.Draw(self.canvas)

    def image(self) -> np.ndarray:
        """Draw everything, from the back to the front: uint8 3,SIZE,SIZE."""
        self._background()
        back = self.pick(("none", "none", "bob", "long", "long", "bun", "tail", "pigtails", "afro", "buns"))
        self._hair_behind(back)
        self._body()
        self._head()
        self._mouth()
        self._nose_and_cheeks()
        self._eyes()
        self._hair_in_front(curly=back == "afro")
        if self.glasses:
            self._glasses()
        return np.asarray(self.canvas.reduce(_SCALE)).transpose(2, 0, 1)

    # -- chance ----------------------------------------------------------------------------------------

    def between(self, low: float, high: float) -> float:
        """A uniform draw from [low, high)."""
        return low + (high - low) * self._random.random()

    def chance(self, part: float) -> bool:
        """True with probability ``part``."""
        return self._random.random() < part

    def pick(self, among: tuple[str, ...]) -> str:
        """One of ``among``, each equally likely."""
        return among[int(self._random.random() * len(among))]

    # -- paint -----------------------------------------------------------------------------------------

    def fill(self, points: np.ndarray, colour: Colour) -> None:
        """A polygon in the head's own frame: it tilts and moves with the head."""
        self._draw.polygon((points @ self._matrix + self._offset).ravel().tolist(), fill=colour)

    def fill_flat(self, points: np.ndarray, colour: Colour) -> None:
        """A polygon in the picture's frame."""
        self._draw.polygon((points * _SCALE).ravel().tolist(), fill=colour)

    # -- parts -----------------------------------------------------------------------------------------

    def _background(self) -> None:
        hue = self.between(0, 1)
        ground = from_hsv(hue, self.between(0.12, 0.34), self.between(0.82, 0.98))
        accent = from_hsv(hue + self.between(-0.12, 0.12), self.between(0.2, 0.42), self.between(0.74, 0.92))
        self._draw.rectangle((0, 0, SIZE * _SCALE, SIZE * _SCALE), fill=ground)
        pattern = self.pick(("plain", "disc", "disc", "stripes", "hill", "dots"))
        if pattern == "disc":
            self.fill_flat(
                ellipse(64 + self.between(-9, 9), 62 + self.between(-9, 9), *[self.between(50, 60)] * 2),
                accent,
            )
        elif pattern == "stripes":
            step, slope = self.between(16, 30), self.between(-60, 60)
            for x in np.arange(-80, 210, step):
                self.fill_flat(
                    np.array([(x, 0), (x + step / 2, 0), (x + step / 2 + slope, 128), (x + slope, 128)]), accent
                )
        elif pattern == "hill":
            left, right = self.between(50, 105), self.between(50, 105)
            line = curve(
                (0, left), (42, left - self.between(-24, 24)), (86, right - self.between(-24, 24)), (128, right)
            )
            self.fill_flat(np.concatenate([line, [(128, 128), (0, 128)]]), accent)
        elif pattern == "dots":
            step, radius = self.between(18, 28), self.between(3, 6)
            for row, y in enumerate(np.arange(4, 134, step)):
                for x in np.arange(4 + (row % 2) * step / 2, 138, step):
                    box = (x - radius, y - radius, x + radius, y + radius)
                    self._draw.ellipse([_SCALE * edge for edge in box], fill=accent)

    def _hair_behind(self, style: str) -> None:
        w, h = self.width, self.height
        volume = self.between(4, 9)
        if style in ("bob", "long"):
            end = self.between(18, 30) if style == "bob" else self.between(48, 70)
            flare = self.between(2, 10)
            side = curve((w + volume, -8), (w + volume + flare, end / 2), (w + flare, end))
            bottom = curve((w + flare, end), (0, end + self.between(-6, 10)), (-w - flare, end))
            top = superellipse(0, -6, w + volume, h + volume - 4, 2.2)
            self.fill(top, self.hair_dark)
            self.fill(np.concatenate([side, bottom, (side * (-1, 1))[::-1]]), self.hair_dark)
        elif style == "bun":
            radius = self.between(11, 16)
            self.fill(ellipse(self.between(-8, 8), -h - radius * 0.55, radius, radius * 0.9), self.hair_dark)
        elif style in ("tail", "pigtails", "buns"):
            radius = self.between(9, 13)
            sides = (-1, 1) if style != "tail" else (-1 if self.chance(0.5) else 1,)
            for side in sides:
                if style == "buns":
                    self.fill(ellipse(side * w * 0.78, -h * 0.84, radius, radius), self.hair_dark)
                    continue
                x, y, length = side * (w + 4), self.between(-18, 0), self.between(36, 58)
                out = self.between(8, 18) * side
                lock = curve(
                    (x - 4 * side, y),
                    (x + out * 1.6, y),
                    (x + out * 1.4, y + length),
                    (x + out * 0.4, y + length),
                )
                self.fill(ribbon(lock, 2 * radius, 0.25), self.hair_dark)
        elif style == "afro":
            radius = self.between(9, 12)
            for angle in np.linspace(-0.28 * np.pi, 1.28 * np.pi, 14):
                reach = 1 + self.between(-0.03, 0.06)
                x, y = math.cos(angle) * (w + 3) * reach, -math.sin(angle) * (h + 1) * reach - 4
                self.fill(ellipse(x, y, radius, radius), self.hair_dark)

    def _body(self) -> None:
        cloth = from_hsv(self.between(0, 1), self.between(0.35, 0.75), self.between(0.45, 0.92))
        x = 64 + (self.centre[0] - 64) * 0.6
        bottom = self.centre[1] + self.size * self.height
        shoulders = min(118.0, bottom + self.between(5, 9))
        width = self.between(36, 46)
        self.fill_flat(superellipse(x, shoulders + 30, width, 30, 2.6), cloth)
        collar = self.pick(("round", "vee", "high"))
        neck = self.between(9, 12)
        middle = (self.centre[0] + x) / 2
        column = np.array(
            [
                (middle - neck, bottom - 16),
                (middle + neck, bottom - 16),
                (x + neck + 1, shoulders + 3),
                (x - neck - 1, shoulders + 3),
            ]
        )
        if collar == "round":
            self.fill_flat(ellipse(x, shoulders + 2, neck + 5, 7), self.skin_dark)
        elif collar == "vee":
            self.fill_flat(
                np.array([(x - neck - 3, shoulders - 1), (x + neck + 3, shoulders - 1), (x, shoulders + 17)]),
                self.skin_dark,
            )
        self.fill_flat(column, self.skin_dark)
        if collar == "high":
            self.fill_flat(superellipse(x, shoulders + 3, neck + 4, 6, 3.2), mix(cloth, (0, 0, 0), 0.16))

    def _outline(self, grow: float = 0.0) -> np.ndarray:
        """The head's outline, counter-clockwise from its right-most point in picture coordinates."""
        points = superellipse(0, 0, self.width + grow, self.height + grow, self.squareness)
        low = np.clip(points[:, 1] / self.height, 0, 1)
        points[:, 0] *= 1 - self.jaw * low**1.6
        return points

    def _head(self) -> None:
        ear = self.between(5.5, 7.5)
        for side in (-1, 1):
            x = side * (self.width - 0.5) - self.turn * 1.5
            self.fill(ellipse(x, 4, ear * 0.8, ear), self.skin)
            self.fill(ellipse(x + side * 0.4, 4, ear * 0.42, ear * 0.6), self.skin_dark)
        self.fill(self._outline(), self.skin)

    def _mouth(self) -> None:
        x, y = self.turn * 4, self.height * self.between(0.52, 0.6)
        half = self.between(6, 10)
        kind = self.pick(("smile", "smile", "open", "grin", "flat", "oh", "sad"))
        lip = mix(self.skin, (150, 30, 40), 0.62)
        if kind in ("open", "grin"):
            depth = self.between(7, 11) if kind == "open" else self.between(5, 8)
            top, low = (
                curve((x - half, y - 2), (x, y), (x + half, y - 2)),
                curve((x + half, y - 2), (x, y + 2 * depth), (x - half, y - 2)),
            )
            self.fill(np.concatenate([top, low]), (132, 34, 48))
            if kind == "grin":
                teeth = curve((x + half * 0.86, y - 1), (x, y + depth * 0.9), (x - half * 0.86, y - 1))
                self.fill(np.concatenate([top * (0.86, 1) + (x * 0.14, 0.4), teeth]), WHITE)
            else:
                self.fill(ellipse(x, y + depth * 0.52, half * 0.46, depth * 0.28), (232, 110, 116))
        elif kind == "oh":
            self.fill(ellipse(x, y + 1, half * 0.42, half * 0.52), (132, 34, 48))
        else:
            bend = {"smile": self.between(5, 9), "flat": self.between(-0.6, 0.6), "sad": self.between(-5, -3)}[
                kind
            ]
            path = curve((x - half, y - bend / 4), (x, y + bend), (x + half, y - bend / 4))
            self.fill(ribbon(path, 2.3, 0.5), lip)

    def _nose_and_cheeks(self) -> None:
        x, y = self.turn * 5, self.height * 0.3
        if self.chance(0.65):
            blush = mix(self.skin, (240, 90, 100), 0.3)
            for side in (-1, 1):
                self.fill(ellipse(side * self.width * 0.58 + self.turn * 3, y + 4, 5.4, 3.6), blush)
        if self.chance(0.2):
            for side in (-1, 1):
                for dx, dy in ((-3, 1), (0, 3.4), (3, 1)):
                    self.fill(ellipse(side * 14 + dx + self.turn * 3, y + dy, 0.8, 0.8), self.skin_dark)
        nose = self.pick(("button", "line", "hook"))
        if nose == "button":
            self.fill(ellipse(x, y, self.between(2.2, 3.4), self.between(1.8, 2.4)), self.skin_dark)
        elif nose == "line":
            path = curve((x - 2.6, y), (x, y + 2.6), (x + 2.6, y))
            self.fill(ribbon(path, 1.6, 0.6), self.skin_dark)
        else:
            lean = 2.6 if self.turn > 0 else -2.6
            path = curve((x, y - 8), (x + lean * 1.6, y), (x - lean * 0.5, y + 1.4))
            self.fill(ribbon(path, 1.6, 0.6), self.skin_dark)

    def _eyes(self) -> None:
        self.eye_x, self.eye_y = self.between(13, 15), self.between(-2, 2)
        rx, ry = self.between(7.4, 9.0), self.between(7.6, 10.0)
        self.eye_rx, self.eye_ry = rx, ry
        look_x, look_y = self.turn * 1.6 + self.between(-0.8, 0.8), self.between(-0.8, 0.8)
        iris = min(rx, ry) * self.between(0.72, 0.8)
        brow_y, brow_lean = self.eye_y - ry - self.between(3.4, 5.6), self.between(-2.2, 2.2)
        brow = mix(self.hair, (20, 12, 16), 0.42)
        lashes = self.chance(0.5)
        for side in (-1, 1):
            x = side * self.eye_x + self.turn * 3.5
            if self.glasses:  # a glint of glass under the eye
                self.fill(superellipse(x, self.eye_y, rx + 3, ry + 2, 2.4), mix(self.skin, WHITE, 0.3))
            self.fill(ellipse(x, self.eye_y, rx, ry), WHITE)
            cx, cy = x + look_x, self.eye_y + look_y
            self.fill(ellipse(cx, cy, iris, iris * 1.06), mix(self.iris, (0, 0, 0), 0.3))
            self.fill(ellipse(cx, cy, iris * 0.86, iris * 0.92), self.iris)
            self.fill(ellipse(cx, cy, iris * 0.42, iris * 0.46), (24, 18, 24))
            self.fill(ellipse(cx - iris * 0.34, cy - iris * 0.4, iris * 0.26, iris * 0.26), WHITE)
            lid = curve(
                (x - rx, self.eye_y - ry * 0.3),
                (x - rx * 0.6, self.eye_y - ry * 1.25),
                (x + rx * 0.6, self.eye_y - ry * 1.25),
                (x + rx, self.eye_y - ry * 0.3),
            )
            self.fill(ribbon(lid, 2.2, 0.5), INK)
            if lashes:
                tip = (x + side * (rx + 3.2), self.eye_y - ry * 0.72)
                self.fill(ribbon(curve((x + side * rx * 0.8, self.eye_y - ry * 0.55), tip, n=4), 1.8, 0.3), INK)
            arc = curve(
                (x - 7, brow_y + side * brow_lean + 1),
                (x, brow_y - 2.6),
                (x + 7, brow_y - side * brow_lean + 1),
            )
            self.fill(ribbon(arc, 2.9, 0.45), brow)

    def _hair_in_front(self, curly: bool) -> None:
        """A cap over the top of the head, down to a hairline that is cut in one of several ways."""
        w, h = self.width, self.height
        volume = self.between(3, 6)
        angles = np.linspace(-0.06, np.pi + 0.06, 30)
        power = 2 / self.squareness
        cos, sin = np.cos(angles), np.sin(angles)
        over = np.stack(
            [
                np.sign(cos) * np.abs(cos) ** power * (w + volume),
                -np.sign(sin) * np.abs(sin) ** power * (h + volume),
            ],
            1,
        )  # right to left, over the top
        cut = self.pick(("fringe", "fringe", "parted", "middle", "swept", "spiky", "short"))
        edge, low = w + volume - 2, self.between(-2, 6)
        height = -h * self.between(0.46, 0.54)
        if curly:
            cut = "short"
        self.fill(np.concatenate([over, self._hairline(cut, edge, low, height)]), self.hair)
        if cut == "spiky":
            self._spikes()
        elif curly:
            self._curls()
        side = -1 if self.chance(0.5) else 1
        arc = np.linspace(0.56 * np.pi, 0.82 * np.pi, 12)
        shine = np.stack([np.cos(arc) * w * 0.92 * side, -np.sin(arc) * h * 0.94], 1)
        self.fill(ribbon(shine, 3.2, 0.1), self.hair_light)

    def _hairline(self, cut: str, edge: float, low: float, height: float) -> np.ndarray:
        """The lower edge of the cap, M,2, left to right: from (-edge, low) to (edge, low), about ``height`` between."""
        w, h = self.width, self.height
        if cut == "fringe":
            line = curve((-edge, low), (-edge + 5, height - 4), (-edge + 10, height), n=8)
            teeth = int(self.between(3, 6))
            xs = np.linspace(line[-1, 0], -line[-1, 0], 6 * teeth + 1)
            wave = height + 2.4 * np.abs(np.sin(np.linspace(0, teeth * np.pi, len(xs))))
            return np.concatenate([line, np.stack([xs, wave], 1), (line * (-1, 1))[::-1]])
        if cut in ("parted", "middle"):
            at = 0.0 if cut == "middle" else self.between(8, 16) * (-1 if self.chance(0.5) else 1)
            top = -h * self.between(0.78, 0.86)
            left = curve((-edge, low + 4), (-edge + 6, -h * 0.6), (at - 6, -h * 0.45), (at, top))
            right = curve((at, top), (at + 6, -h * 0.45), (edge - 6, -h * 0.6), (edge, low + 4))
            return np.concatenate([left, right])
        if cut == "swept":
            side = -1 if self.chance(0.5) else 1
            points = (-edge, low), (-edge + 4, -h * 0.9), (w * 0.5, -h * 0.72), (edge, low + 6)
            return (curve(*points, n=24) * (side, 1))[::side]
        if cut == "spiky":
            spikes = int(self.between(4, 7))
            xs = np.linspace(-edge + 3, edge - 3, 2 * spikes + 1)
            ys = np.where(np.arange(len(xs)) % 2, height + 5, -h * 0.66)
            return np.concatenate([[(-edge, low)], np.stack([xs, ys], 1), [(edge, low)]])
        return curve((-edge, low), (-edge + 7, -h * 0.95), (edge - 7, -h * 0.95), (edge, low), n=20)

    def _spikes(self) -> None:
        """Tufts that stand out from the cap."""
        for angle in np.linspace(0.12 * np.pi, 0.88 * np.pi, 7):
            base = np.array([math.cos(angle) * (self.width + 1), -math.sin(angle) * (self.height + 1)])
            tip = 1.2 + self.between(0, 0.08)
            across = np.array([math.sin(angle), math.cos(angle)]) * 7
            self.fill(np.stack([base - across, base * tip, base + across]), self.hair)

    def _curls(self) -> None:
        """Round tufts along the edge of the cap."""
        for angle in np.linspace(0.02 * np.pi, 0.98 * np.pi, 11):
            radius = self.between(6.5, 8.5)
            x, y = math.cos(angle) * (self.width - 2), -math.sin(angle) * (self.height - 3)
            self.fill(ellipse(x, y, radius, radius), self.hair)

    def _glasses(self) -> None:
        colour = FRAMES[int(self._random.random() * len(FRAMES))]
        rx, ry = self.eye_rx + self.between(2.6, 4.0), self.eye_ry + self.between(1.6, 3.2)
        rx = min(rx, self.eye_x - 1.4)
        shape = self.pick(("round", "square", "cat"))
        thick = self.between(2.2, 3.0)
        y = self.eye_y + 0.5
        for side in (-1, 1):
            x = side * self.eye_x + self.turn * 3.5
            rim = superellipse(x, y, rx, ry, {"round": 2.0, "square": 3.6, "cat": 2.6}[shape])
            if shape == "cat":
                rim[:, 1] -= np.clip(side * (rim[:, 0] - x) / rx, 0, 1) ** 2 * 3.4 * (rim[:, 1] < y)
            self.fill(ribbon(rim, thick, closed=True), colour)
            ear = side * self.width - self.turn
            if side * (ear - x) > rx + 1:  # of a head turned away, the hidden side has no temple to show
                temple = curve((x + side * rx, y - 1.5), (ear, y - 2.5), n=4)
                self.fill(ribbon(temple, thick * 0.9), colour)
        gap = self.eye_x - rx
        middle = self.turn * 3.5
        bridge = curve((middle - gap - 0.6, y - 1), (middle, y - 3.4), (middle + gap + 0.6, y - 1))
        self.fill(ribbon(bridge, thick), colour)


def write(file: str, first: int, step: int, count: int) -> Iterator[int]:
    """Write faces ``first``, ``first + step``, … below ``count`` into ``file``, each at its own offset.

    Yields the number of faces written so far.
    """
    length = 3 * SIZE * SIZE
    with open(file, "r+b", buffering=0) as out:  # noqa: PTH123
        for done, number in enumerate(range(first, count, step), 1):
            out.seek(number * length)
            out.write(draw(number).tobytes())
            yield done


def main(arguments: list[str]) -> None:
    file, *numbers = arguments
    for _ in write(file, *map(int, numbers)):
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
