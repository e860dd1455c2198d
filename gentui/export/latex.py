"""A LaTeX table that compiles on its own and can be ``\\input`` into a document."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "{''}",
    "'": "{'}",
    "`": r"\`{}",
    # [ after a row's end would be read as its length; * as its starred form
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "·": r"\textperiodcentered{}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "≥": r"$\ge$",
    "≤": r"$\le$",
    "→": r"$\to$",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "…": r"\dots{}",
    "“": "``",
    "”": "''",
    "’": "'",
    "†": r"$\dagger$",
}
_GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "lambda", "mu", "nu", "xi", "pi",
    "rho", "sigma", "tau", "phi", "chi", "psi", "omega",
}  # fmt: skip

_ACCENTS = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327"

# Taken as a document only when no document has begun: inside one, \documentclass means \@notprerr.
_HEAD = r"""% Compiles as it is, and can be \input into a document that has \usepackage{booktabs,longtable}.
\expandafter\ifx\csname @notprerr\endcsname\documentclass\else
\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage{booktabs,longtable}
\usepackage[a3paper,landscape,margin=1cm]{geometry}
\begin{document}
\def\gentuialone{\end{document}}
\fi
\begingroup\footnotesize
"""
_TAIL = r"""\endgroup
\csname gentuialone\endcsname
"""


def escape(text: str) -> str:
    """``text`` escaped for LaTeX. A character that pdflatex cannot print is replaced by its code point."""
    # no ligatures: --seed is not –seed
    return "".join(map(_escape, text)).replace("--", "-{}-").replace("--", "-{}-")


def _escape(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if " " <= character <= "~":
        return character
    if "À" <= character <= "ž" and _has_plain_accent(character):
        return character
    name = unicodedata.name(character, "").lower()
    if name.startswith("greek small letter ") and name.split()[-1] in _GREEK:
        return f"$\\{name.split()[-1]}$"
    return f"{{[}}U+{ord(character):04X}{{]}}"


def _has_plain_accent(letter: str) -> bool:
    """Whether every LaTeX font can compose the letter."""
    base, *marks = unicodedata.normalize("NFD", letter)
    return letter in "ßæÆœŒøØłŁåÅ" or (base.isascii() and len(marks) == 1 and marks[0] in _ACCENTS)


def to_latex(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    shapes: Sequence[str],
    captions: Sequence[str] = (),
) -> str:
    """A longtable with booktabs rules. ``shapes``: ``l``, ``r`` or ``p{WIDTH}`` for each column. ``captions`` stand
    below it, each a paragraph."""

    def line(cells: Sequence[str]) -> str:
        return " & ".join(map(escape, cells)) + r" \\"

    body = "\n".join(map(line, rows))
    below = "".join(f"\\noindent {escape(caption)}\\par\n" for caption in captions)
    return (
        f"{_HEAD}\\begin{{longtable}}{{{''.join(shapes)}}}\n\\toprule\n{line(header)}\n\\midrule\n\\endhead\n"
        f"\\bottomrule\n\\endfoot\n{body}\n\\end{{longtable}}\n{below}{_TAIL}"
    )
