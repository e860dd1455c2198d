"""Every command and option of the command line, with arguments of any kind: exit codes as designed, no traceback, no
character that acts on a terminal, nothing written elsewhere, nothing that hangs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gentui.cli.main import cli
from tests.support.cases import cases, words
from tests.support.world import FILES, RUNS, World, faults_of

CASES = 28
HUGE = ("0", "-1", "1", str(2**63), "9" * 400, "1.5", "", "nan", "inf", "1_0", "٣", " 2")
KNOWN = {
    "RUN": [*(f"@{name}" for name in RUNS), *RUNS, "latest", "eval-", "2", "..", "../runs", "/"],
    "KEY": ["optim.lr=1e-3", "optim.lr=1e-3,1e-4", "seed=0..2", "train.steps=5", "evaluate.batch_size=2",
    "train.keep=4",
            "data.dataset=celeba", "model.channels=[1]", "sample=", "=1", "quick.x=1", "seed=0..99999"],
    "RECIPE": ["digits-unet", "digits-vae", "digits-u*", "celeba-unet", "mine.toml", "wrong.toml", "*", "nope",
    "folder/"],
    "NAME": ["digits", "fashion-mnist", "celeba", "heun", "ddim", "diffusion", "gan", "digits-unet", "digits-cnn"],
    "FILE": FILES,
    "TEXT": ["status:done", "fid<60", "-tag:keep", "has:fid | loss>0", "optim.lr>=", '"', "a,b", "-"],
    "OTHER": ["cpu", "cuda:0", "auto", "best", "last", "12", "+keep", "-keep", "fid,kid", "metrics", "--help", "--json",
              "data", "uniform", "localhost", "-", "--", "-h"],
}  # fmt: skip
_SYNONYMS = {"PATH": "FILE", "DIR": "FILE", "TAG": "OTHER"}


def commands(
    group: click.Group = cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command, and every group as a command, with the words that call it."""
    context = click.Context(group)
    yield path, group
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands())


def value_of(parameter: click.Parameter) -> st.SearchStrategy[str]:
    """Words for a parameter: mostly of its kind, at times of another, at times any text."""
    any_known = st.sampled_from([word for kind in KNOWN.values() for word in kind])
    if isinstance(parameter.type, click.Choice):
        fitting = st.sampled_from([str(choice) for choice in parameter.type.choices])
    elif isinstance(parameter.type, click.IntRange | click.FloatRange):
        low, high = int(parameter.type.min or 0), int(parameter.type.max or 10**6)
        fitting = st.sampled_from([low - 1, low, low + 1, (low + high) // 2, high, high + 1]).map(str)
    elif isinstance(parameter.type, type(click.FLOAT)):
        fitting = st.floats().map(str)
    else:
        metavar = parameter.metavar or ""
        kinds = [
            kind for name, kind in (dict(zip(KNOWN, KNOWN, strict=True)) | _SYNONYMS).items() if name in metavar
        ]
        fitting = st.sampled_from([word for kind in kinds or KNOWN for word in KNOWN[kind]])
    return st.one_of(fitting, fitting, fitting, any_known, st.sampled_from(HUGE), words)


def used(parameter: click.Parameter) -> st.SearchStrategy[list[str]]:
    """A use of an option, or the words of an argument."""
    if isinstance(parameter, click.Option):
        name = st.sampled_from([*parameter.opts, *parameter.secondary_opts])
        if parameter.is_flag or parameter.count:
            return name.map(lambda given: [given])
        return st.tuples(name, value_of(parameter)).map(list)
    most = 3 if parameter.nargs != 1 else 1
    return st.lists(value_of(parameter), min_size=1, max_size=most)


@cache
def call_of(command: click.Command) -> st.SearchStrategy[list[str]]:
    """The words after a command's name: its arguments and some options, in any order, or nothing of the kind."""
    options = [used(p) for p in command.params if isinstance(p, click.Option)]
    needed = [used(p) for p in command.params if isinstance(p, click.Argument) or p.required]
    chosen = st.lists(st.one_of(options), max_size=4) if options else st.just([])
    parts = st.tuples(st.tuples(*needed), chosen).map(lambda two: [*two[0], *two[1]])
    flat = lambda lists: [word for part in lists for word in part]  # noqa: E731
    in_order = parts.map(flat)
    mixed = parts.flatmap(st.permutations).map(flat)
    return st.one_of(in_order, in_order, in_order, mixed, st.lists(words, max_size=3))


@pytest.mark.parametrize("is_terminal", [False, True], ids=["pipe", "terminal"])
@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "gentui")
@given(data=st.data())
@cases(CASES // 2, times=2 * len(COMMANDS))
def test_any_words_after_a_command(world: World, monkeypatch, data, path, is_terminal):
    arguments = [*path, *data.draw(call_of(COMMANDS[path]), label="words")]
    with monkeypatch.context() as patch, world.case() as fence:
        world.on_terminal(patch, is_terminal)
        result = world.invoke(*arguments)
    writes = {"-o", "--out", "--home", "statistics"}
    if any(word.split("=")[0] in writes or word.startswith("-o") for word in arguments):
        fence.crossed.clear()  # it may write where it was told to
    assert not (faults := faults_of(result, fence, is_terminal)), (arguments, faults, result.output)


@pytest.mark.parametrize("is_terminal", [False, True], ids=["pipe", "terminal"])
@pytest.mark.parametrize("call", [
    "export -o loop.csv", "export -o fifo.csv", "report @alpha -o loop.csv",
    "report @alpha -o fifo.csv", "import loop.csv", "recipe ./loop.csv", "recipes --published",
])  # fmt: skip
def test_links_in_a_circle_pipes_without_a_reader_and_silent_processes(
    world: World, monkeypatch, call, is_terminal
):
    with monkeypatch.context() as patch, world.case() as fence:
        world.on_terminal(patch, is_terminal)
        result = world.invoke(*call.split())
    assert not (faults := faults_of(result, fence, is_terminal)), (faults, result.output)
