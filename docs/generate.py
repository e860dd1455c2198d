"""Write the parts of the documentation that follow from the code: ``python docs/generate.py``.

- ``keys.md``: every key, from ``gentui.config.key_table``.
- ``cli.md`` and ``gentui.1``, the manual page of the wheel: every command, from the click commands.
- ``comparison.md``: the table between its two markers, from ``tests/features.toml``.
- ``published.md``: the table between its two markers, from the recipes and the nets they build.

``tests/unit/test_docs.py`` fails when one of them differs from what this writes.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from engine.recipes.recipe import menu
from gentui import __version__
from gentui.cli.main import cli
from gentui.config import key_table
from gentui.runs.published import published_rows

DOCS = Path(__file__).resolve().parent
FEATURES = DOCS.parent / "tests" / "features.toml"
HAS, HAS_NOT, UNKNOWN = "✓", "–", "·"
BEGIN, END = "<!-- features -->\n", "<!-- end of features -->"
GENERATED = "<!-- written by docs/generate.py: change the code, then run it -->\n"

KEYS_INTRODUCTION = f"""# Keys

{GENERATED}
`?` in the app shows the same pages, those of the screen you are on first. Any key can be changed: put its id into
`keys.toml` of the config directory, as in `"runs.stop" = "ctrl+k"` (see [the app](app.md#keys)). `^x` is Ctrl-X, `⇧X`
is Shift-X. In tables `↑` `↓` or `k` `j` move, PgUp and PgDn move by a page, Home and End go to the first and the last
row.
"""

CLI_INTRODUCTION = f"""# The command line

{GENERATED}
stdout carries data, stderr carries messages, and exit codes can be relied on. RUN is a run's id, a unique prefix of it,
its name, or `latest`.

<!-- run -->
```sh
gentui runs
gentui show latest
gentui events latest --kind metrics
gentui tag latest +baseline
gentui note latest 'the one to beat'
gentui report latest -o report
gentui rm latest
gentui restore
```

`run` starts training in the background and prints the run's id. `--wait` shows progress and ends with the run; Ctrl-C,
or closing the terminal, leaves the run going. Runs queue while the device is busy, and the queue drains with nobody
logged in. `--host HOST` runs any command, or the app, on another machine over SSH. More examples are in
[recipes](recipes.md), [evaluation](evaluation.md) and [importing](importing.md).

Every command has `--help`, and `man gentui` shows what is below. `eval "$(gentui completion bash)"` in `~/.bashrc`
completes commands, runs, recipes, settings and their values; zsh and fish are [known](#gentui-completion), too.

On a full disk whatever only reads still works, and so do `stop`, `resume`, `rm --now` and `trash empty`; the rest says
what fills the disk and what frees it. A home that cannot be written, a mounted backup or another user's, is read like
any other: its index is kept in your cache. What would write to it ends with 4.

| exit code | meaning |
|---|---|
| 0 | it worked |
| 1 | the run failed |
| 2 | the command line or the recipe is wrong |
| 3 | there is no such run, recipe or data set |
| 4 | it cannot be done here: data or weights are missing, say |

| environment variable | meaning |
|---|---|
| `GENTUI_HOME` | where runs are kept (default: the user's data directory) |
| `GENTUI_CONFIG` | recipes, plug-ins, keys and preferences of yours (default: `~/.config/gentui`) |
| `GENTUI_DATA` | where data sets and weights are (default: the user's cache directory) |
| `GENTUI_THREADS` | threads of a trainer on the CPU (default: `MKL_NUM_THREADS`, `OMP_NUM_THREADS`, else all CPUs) |
| `CUDA_VISIBLE_DEVICES` | the GPUs that runs of this shell may use; `cuda:N` of `--device` is the Nth of them |
| `GENTUI_REMOTE` | what gentui is called on the machine that `--host` names (default: `gentui`) |
| `GENTUI_PLOT` | what curves are drawn with: `braille`, `block` or `ascii` |
| `NO_COLOR` | no colours in the app |
"""

SOURCES = """
As of {looked}. {HAS}: it has this. {HAS_NOT}: its own documentation says that it has not. {UNKNOWN}: nothing was found
about it. A test proves every {HAS} of gentui, and every other cell links its source; both are in
[tests/features.toml](../tests/features.toml). The sources: {named}.

{links}
"""


def keys() -> str:
    """``keys.md``: one table for each screen, in the order of the key table."""
    parts = [KEYS_INTRODUCTION]
    for context, title in key_table.CONTEXTS.items():
        parts.append(f"\n## {title}\n\n| key | name | what it does | id |\n|---|---|---|---|\n")
        for key in key_table.TABLE:
            if key.context == context:
                strokes = " ".join(map(code, key.display_all.split()))
                parts.append(f"| {strokes} | {cell(key.label)} | {cell(key.help)} | `{key.id}` |\n")
    return "".join(parts)


def command_line() -> str:
    """``cli.md``: the program's own options, then every command, those of a group after it."""
    parts = [CLI_INTRODUCTION]
    for context in commands(click.Context(cli, info_name="gentui", **cli.context_settings)):
        parts.append(described(context))
    return "".join(parts)


def commands(context: click.Context) -> Iterator[click.Context]:
    """A context for the command and, depth first, for each command below it."""
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None
            yield from commands(click.Context(command, parent=context, info_name=name))


def described(context: click.Context) -> str:
    """A command's heading, usage, help and options as Markdown."""
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [f"\n## {context.command_path}\n\n```text\n{usage}\n```\n\n{prose(command.help or '')}\n"]
    records = [
        record
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(context))
    ]
    parts.append("\n| option | |\n|---|---|\n")
    parts += [f"| {code(option)} | {cell(prose(help))} |\n" for option, help in records]
    return "".join(parts)


def prose(text: str) -> str:
    """A help text as Markdown: environment variables are code."""
    return re.sub(r"(?<![`\w])\$[A-Z_]+", r"`\g<0>`", inspect.cleandoc(text))


def code(text: str) -> str:
    """``text`` as code within a table's cell."""
    return "`` ` ``" if text == "`" else f"`{text}`".replace("|", r"\|")


def cell(text: str) -> str:
    """``text`` within a table's cell."""
    return " ".join(text.split()).replace("|", r"\|").replace("*", r"\*").replace("<", "&lt;")


def features() -> dict[str, Any]:
    """The comparison with other tools, each cell with its evidence."""
    return tomllib.loads(FEATURES.read_text())


def comparison_table() -> str:
    """The table of ``comparison.md``, with its sources."""
    found = features()
    tools: dict[str, str] = found["tools"]
    ours, *others = tools
    header = " | ".join([ours, *(f"{tool} {tools[tool]}" for tool in others)])
    lines = [f"| | {header} |", "|---" * (len(tools) + 1) + "|"]
    for row in found["row"]:
        if "group" in row:
            lines.append(f"| **{row['group']}** |" + " |" * len(tools))
        cells = [f"[{c[0]}][{c[1]}]" if len(c) == 3 else c[0] for c in (row[tool] for tool in tools)]
        lines.append(f"| {row['feature']} | {' | '.join(cells)} |")
    sources = found["sources"]
    named = "; ".join(f"[{source['what']}][{name}]" for name, source in sources.items())
    links = "\n".join(f"[{name}]: {source['url']}" for name, source in sources.items())
    return (
        "\n".join(lines)
        + "\n"
        + SOURCES.format(
            looked=found["looked"], named=named, links=links, HAS=HAS, HAS_NOT=HAS_NOT, UNKNOWN=UNKNOWN
        )
    )


def published_table() -> str:
    """The table of ``published.md``, by the rows of ``gentui recipes --published``."""
    lines = ["| figure | recipe | parameters | how it was made | ranks with it | report |", "|---" * 6 + "|"]
    for row in published_rows(menu()[0]):
        counts = " + ".join(f"{count:,}" for count in row["parameters"].values())
        ranks = "yes" if row["ranks"] else f"no: {row['why_not']}"
        figure = f"{row['metric'].replace('_', ' ')} {row['value']:g}"
        lines.append(
            f"| {figure} | `{row['recipe']}` | {counts} | {row['protocol']} | {ranks} | {row['source']} |"
        )
    return "\n".join(lines) + "\n"


def between(name: str, begin: str, made: str, end: str) -> str:
    """A page with what stands between two marks made anew."""
    before, _, rest = (DOCS / name).read_text().partition(begin)
    return before + begin + made + end + rest.partition(end)[2]


def comparison() -> str:
    """``comparison.md`` with its table made anew."""
    return between("comparison.md", BEGIN, comparison_table(), END)


def published() -> str:
    """``published.md`` with its table made anew."""
    return between("published.md", "<!-- published -->\n", published_table(), "<!-- end of published -->")


def manual() -> str:
    """``gentui.1``: the manual page, in the macros of man(7)."""
    top = click.Context(cli, info_name="gentui", **cli.context_settings)
    about = inspect.cleandoc(cli.help or "").split("\n\n")
    parts = [
        f'.\\" written by docs/generate.py\n.TH GENTUI 1 "" "gentui {__version__}" "User Commands"\n',
        f".SH NAME\ngentui \\- {troff('a terminal workbench for image generative models')}\n",
        ".SH SYNOPSIS\n.B gentui\n[OPTIONS] [COMMAND [ARGS]...]\n.br\n.B gentui help\nCOMMAND\n",
        ".SH DESCRIPTION\n" + ".PP\n".join(f"{troff(' '.join(text.split()))}\n" for text in about),
        ".SH OPTIONS\n" + troff_options(top),
        ".SH COMMANDS\n",
    ]
    for context in commands(top):
        if context.parent is None:
            continue
        command = context.command
        words = " ".join([context.command_path.removeprefix("gentui "), *command.collect_usage_pieces(context)])
        parts.append(f".SS {troff(words)}\n")
        texts = inspect.cleandoc(command.help or "").split("\n\n")
        parts.append(".PP\n".join(f"{troff(' '.join(text.split()))}\n" for text in texts))
        parts.append(troff_options(context))
    for title, head in (("EXIT STATUS", "| exit code |"), ("ENVIRONMENT", "| environment variable |")):
        parts.append(f".SH {title}\n")
        rows = CLI_INTRODUCTION.partition(head)[2].partition("\n\n")[0].splitlines()[2:]
        for row in rows:
            name, meaning = (part.strip().replace("`", "") for part in row.strip("| ").split(" | ", 1))
            parts.append(f".TP\n.B {troff(name)}\n{troff(meaning)}\n")
    parts.append(
        ".SH FILES\n.TP\n.B ~/.config/gentui\nrecipes, plug\\-ins, keys and preferences of yours\n.SH SEE ALSO\n"
        + troff("`?` in the app lists every key; `gentui completion SHELL` prints what completes these words.")
        + "\n"
    )
    return "".join(parts)


def troff_options(context: click.Context) -> str:
    """The options of a command as a list, without ``--help``, which all have."""
    records = [
        record
        for parameter in context.command.get_params(context)
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(context))
    ]
    return "".join(
        f".TP\n.B {troff(option)}\n{troff(' '.join(text.split()))}\n"
        for option, text in records
        if "--help" not in option
    )


def troff(text: str) -> str:
    """``text`` as a line that troff prints as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = "".join(letter if letter.isascii() else f"\\[u{ord(letter):04X}]" for letter in text)
    return f"\\&{text}" if text[:1] in (".", "'") else text


FILES = {
    "keys.md": keys, "cli.md": command_line, "gentui.1": manual, "comparison.md": comparison, "published.md": published,
}  # fmt: skip
"""What writes each file of this folder."""

if __name__ == "__main__":
    for name, text in FILES.items():
        (DOCS / name).write_text(text())
