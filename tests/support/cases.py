"""Cases that hypothesis draws: how many, how long one may take, and the texts and JSON they are made of."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.support.hostile import ACTS, MARKUP

SCALE = float(os.environ.get("GENTUI_CASES") or 1)
"""Factor on the number of cases of every test."""
LONGEST_S = 10.0
"""Seconds that one case may take."""

settings.register_profile(
    "gentui",
    derandomize=True,  # the same cases in every run of the same code
    database=None,
    deadline=None,  # ``limited`` ends a case that hangs, which a deadline does not
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
counted: dict[str, int] = {}
"""Cases of each test by its name."""


def cases(number: int, times: int = 1) -> Callable[[Any], Any]:
    """Decorator: so many cases of a test, of which there are ``times`` by parameters."""

    def decorate(test: Any) -> Any:
        scaled = max(1, round(number * SCALE))
        counted[f"{test.__module__.rpartition('.')[2]}.{test.__qualname__}"] = scaled * times
        return settings(settings.get_profile("gentui"), max_examples=scaled)(test)

    return decorate


class TookTooLong(BaseException):
    """No ``Exception``: nothing may catch it but ``limited``."""


@contextmanager
def limited(seconds: float = LONGEST_S) -> Iterator[None]:
    """Fail if the block takes longer."""

    def ring(number: int, frame: object) -> None:
        raise TookTooLong

    handler = signal.signal(signal.SIGALRM, ring)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)  # what is left is of the whole test
    try:
        yield
    except TookTooLong as error:
        raise AssertionError(f"it took more than {seconds:g} s") from error
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, left)


_PIECES = (
    *ACTS, MARKUP, "a", "b.c", "=", ".", "..", "/", "~", ",", ":", "-", "--", "+", "*", "?", "[", "]", "{",
    "}", '"', "'",
    "%s", "$HOME", "\\", "\n", "\r", "\t", " ", "0", "-1", "1e999", "nan", "inf", "-inf", "1e-3", "true", "null",
    "9" * 30, "9" * 5000, "x" * 300, "é", "e\u0301", "ß", "名", "😀", "latest", "[sweep]", "#", "|", "<", ">", "!",
)  # fmt: skip
characters = st.characters(exclude_categories=())  # also lone surrogates
texts = st.one_of(st.text(characters, max_size=12), st.lists(st.sampled_from(_PIECES), max_size=5).map("".join))
"""Any text that Python can hold."""
words = texts.map(lambda text: os.fsdecode(text.replace("\0", "").encode("utf-8", "surrogatepass")))
"""Any text that can be an argument of a process: without NUL, surrogates only for bytes that are no UTF-8."""
numbers = st.one_of(
    st.integers(-3, 20), st.integers(), st.sampled_from([2**31, 2**53, 2**63, -(2**63), 10**400]), st.floats()
)
ODD = (
    None, True, False, "", "done", "best", "../..", "\ud800", "\x1b[2J", "x" * 300, 0, -1, 7, 2**31, 2**63,
    10**400, 0.5,
    1e308, float("nan"), float("inf"), [], {}, [[]], {"": {}}, [None, 1], ["a", "b"], {"a": [1, "b"]},
    [10**400], [[1, 2]] * 3,
)  # fmt: skip
json_values = st.one_of(st.sampled_from(ODD), st.sampled_from(ODD), numbers, texts)
"""JSON, with NaN and infinities. Few draws each: they are what a case costs."""


def objects(keys: st.SearchStrategy[str] = texts) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects."""
    return st.lists(st.tuples(keys, json_values), max_size=2).map(dict)


def spoiled(whole: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Bytes with a piece cut out and another put in, or as they were."""

    def spoil(data: bytes, at: int, length: int, put: bytes) -> bytes:
        at %= len(data) + 1
        return data[:at] + put + data[at + length :]

    changed = st.builds(spoil, whole, st.integers(0, 1 << 16), st.integers(0, 40), st.binary(max_size=8))
    return st.one_of(changed, whole)
