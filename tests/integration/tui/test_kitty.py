"""What the terminal keeps of pictures: as long as they are seen, and no longer."""

from __future__ import annotations

import re

from tests.support.terminal import Terminal, terminal  # noqa: F401  a fixture

_MESSAGE = re.compile(rb"\x1b_G([^;\x1b]*)(?:;[^\x1b]*)?\x1b\\")


def kept(t: Terminal) -> set[bytes]:
    """The ids of the images that a terminal would hold by now, by the rules of kitty's protocol."""
    held: set[bytes] = set()
    for message in _MESSAGE.finditer(t.raw):
        keys = dict(pair.split(b"=") for pair in message[1].split(b","))
        if keys.get(b"a") == b"d":
            assert keys[b"d"] == b"I", "anything else leaves an image under placeholders where it is"
            held.discard(keys[b"i"])
        elif b"i" in keys:
            assert 0 < int(keys[b"i"]) < 1 << 32
            held.add(keys[b"i"])
    return held


def settled(t: Terminal) -> set[bytes]:
    t.until(lambda: t.read(0.3) == 0)
    return kept(t)


def test_an_image_is_kept_while_it_is_seen_and_its_id_with_it(terminal, runs):  # noqa: F811
    run = runs.make()
    runs.film(run, 300, frames=3)
    t = terminal(images="kitty")
    t.sees("✓ here")
    t.press("4")
    t.sees("Charts", "loss")
    assert not kept(t), "the picture beside the charts is of half blocks"
    t.press("s")
    t.sees("step 300")
    t.until(lambda: len(kept(t)) == 1)
    first = settled(t)
    assert len(first) == 1
    t.press("[")
    t.sees("step 200")
    t.until(lambda: kept(t) != first and len(kept(t)) == 1)
    t.resize(100, 30)
    assert len(settled(t)) == 1, "after another size, too"
    t.press("c")
    t.until(lambda: not kept(t))
    t.press("s")
    t.until(lambda: len(kept(t)) == 1)
    t.press("pp")
    t.sees("■ 3/3")
    assert len(settled(t)) == 1, "each frame of an animation takes the place of the one before"
    t.press("z")
    t.until(lambda: "Samples" not in t.text and len(kept(t)) >= 1)
    settled(t)
    t.press("\x1b")
    t.sees("Samples")
    assert len(settled(t)) <= 1
    t.press("1")
    t.sees("▸ digits-unet")
    t.press("q")
    t.ended()
    assert not kept(t), "nothing is left behind"
