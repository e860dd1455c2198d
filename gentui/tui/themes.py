"""The app's themes and palettes. No status is shown by colour alone, so every theme shows the same.

A colour has one meaning: ``accent`` is for keys and for what was changed or differs, ``secondary`` for headings,
letters of runs and tags, ``success``, ``warning`` and ``error`` for how something went. Scores are bold.
"""

from __future__ import annotations

from textual.color import Color
from textual.theme import Theme

# the colours of Okabe and Ito (2008), which people with any colour vision can tell apart
DARK = Theme(
    name="gentui",
    primary="#56b4e9",
    secondary="#8fb8d8",
    accent="#e69f00",
    success="#2fc08f",
    warning="#f0d442",
    error="#f07a3a",
    foreground="#d8dee6",
    background="#10141a",
    surface="#161c24",
    panel="#1d2530",
    dark=True,
    variables={"text-muted": "#8d9aab"},  # the built-in one is an opacity, which custom-drawn lines lose
)

# the same hues, dark enough to be read on white
LIGHT = Theme(
    name="gentui-light",
    primary="#00629b",
    secondary="#33627f",
    accent="#8f5a00",
    success="#00694c",
    warning="#7a6000",
    error="#a83c00",
    foreground="#1b232c",
    background="#fbfbf9",
    surface="#f1f2f0",
    panel="#e4e7e8",
    dark=False,
    variables={"text-muted": "#56626e"},
)

MONOCHROME = Theme(
    name="gentui-mono",
    primary="#c8c8c8",
    secondary="#b0b0b0",
    accent="#ffffff",
    success="#d0d0d0",
    warning="#e8e8e8",
    error="#ffffff",
    foreground="#d8d8d8",
    background="#101010",
    surface="#181818",
    panel="#242424",
    dark=True,
    variables={"text-muted": "#9a9a9a"},
)

CURVES = 8
"""Number of colours for the curves of a chart: ``$curve-1`` to ``$curve-8``."""
PALETTES = {
    # Paul Tol's "bright", and an orange
    "bright": ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb", "#e08a3c"),
    "sunset": ("#f8e16c", "#f9b54c", "#f58b4c", "#ec6060", "#d64a86", "#b04fa8", "#8a63c8", "#6f83e0"),
}


def curve_colours(palette: str, theme: Theme) -> dict[str, str]:
    """Return the theme variables of a palette's colours; for an unknown palette, of colours of the theme."""
    colours = PALETTES.get(palette)
    if theme.name == MONOCHROME.name:
        colours = ("#ffffff", "#c8c8c8", "#a8a8a8", "#e0e0e0", "#909090", "#d0d0d0", "#b8b8b8", "#f0f0f0")
    elif colours is None:
        own = (theme.accent, theme.success, theme.warning, "#b8558f", theme.error, "#6f7be0", theme.foreground)
        colours = (theme.primary, *(colour or theme.primary for colour in own))
    elif not theme.dark:  # the palettes are made for a dark background
        colours = tuple(Color.parse(colour).darken(0.2).hex for colour in colours)
    return {f"curve-{number}": colour for number, colour in enumerate(colours, 1)}


THEMES = {"gentui": (DARK, "dark"), "gentui-light": (LIGHT, "light"), "gentui-mono": (MONOCHROME, "monochrome")}
"""Theme name -> the theme, and its name for users."""
