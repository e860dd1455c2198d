"""Filters, names, tags, notes and texts on a screen, of any characters."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from gentui.index import Index, RunNotFound, RunRow
from gentui.jobs import JobError, annotations
from gentui.runs import filter_language
from gentui.text.sanitize import clean, clean_lines, fit, in_place, shorten
from tests.support.cases import cases, limited, texts, words
from tests.support.hostile import MOST_MARKS, longest_stack
from tests.support.world import World, acts_on_terminal

ROWS = [
    RunRow("a", name="wide one", recipe="fashion-unet", status="running", step=50, seconds=4e2, metrics={"loss": 0.2},
           scores={"fid": 55.0}, tags=["keep"], settings={"optim.lr": 1e-3, "optim.name": "adam", "x.y": [16, 32]}),
    RunRow("b", recipe="digits-unet", status="done", alarms=[("error", "non-finite")], alerts=2,
           metrics={"loss": float("nan")}, settings={"optim.lr": 10**400, "train.ema": False}),
    RunRow("c"),
]  # fmt: skip
KNOWN = filter_language.FilterKeys.of(ROWS)
_FIELDS = st.sampled_from(
    [*filter_language.FIELDS, *sorted(KNOWN.keys), "lr", "has", "data", "time", "OR", "|"]
)
_SIGNS = st.sampled_from([":", "=", "!=", "<", "<=", ">", ">="])
terms = st.one_of(
    texts,
    st.builds("{}{}{}{}".format, st.sampled_from(["", "-", '"']), _FIELDS, _SIGNS, texts),
    st.builds(
        "{}{}{},{}".format,
        _FIELDS,
        _SIGNS,
        st.integers(),
        st.sampled_from(["5m", "1e999", "nan", "9" * 400, ""]),
    ),
)


@given(text=st.lists(terms, max_size=3).map(" ".join))
@example(text="lr:0")  # a setting of hundreds of digits is no float
@cases(900)
def test_no_filter_raises_and_every_mistake_can_be_shown(text: str):
    with limited():
        query = filter_language.parse(text, KNOWN)
        assert not any(map(acts_on_terminal, "".join(query.mistakes))), query.mistakes
        for row in ROWS:
            query.matches(row)


@given(text=texts, width=st.integers(-2, 40))
@cases(400)
def test_any_text_is_shown_without_acting(text: str, width: int):
    with limited():
        for line in (clean(text), *clean_lines(text), clean(text, 7)):
            assert not any(map(acts_on_terminal, line)) and longest_stack(line) <= MOST_MARKS, ascii(line)
            assert clean(line) == line, ascii(line)
            assert cell_len(shorten(line, width)) <= max(0, width)
            assert cell_len(fit(line, width)) == max(0, width), ascii(line)
        assert len(in_place(text)) == len(text) and not any(map(acts_on_terminal, in_place(text)))


@given(text=texts)
@cases(100)
def test_a_name_tag_or_note_is_stored_as_it_is_shown(named: World, text: str):
    run = named.ids["alpha"]
    with limited():
        name = annotations.rename(named.home, run, text).name
        assert name == annotations.rename(named.home, run, name or "").name == clean(name)
        try:
            notes = annotations.note(named.home, run, text).notes
        except JobError:
            notes = ""
        assert all(line == clean(line) for line in notes.split("\n"))
        try:
            add, remove = annotations.parse_changes(text)
            tags = annotations.tag(named.home, run, add, remove).tags
        except JobError as error:
            assert not any(map(acts_on_terminal, str(error)))
            tags = ()
        assert all(tag == clean(tag) for tag in tags)


@given(text=st.one_of(words, texts))
@cases(200)
def test_any_word_names_a_run_or_none(named: World, text: str):
    with limited():
        try:
            assert Index(named.home).find(text) in named.ids.values()
        except RunNotFound as error:
            assert str(error)


@pytest.fixture(scope="module")
def named(_world: World):
    """The world, as the cases before left it: what is renamed may be renamed again."""
    with _world.case(seconds=600):
        yield _world
