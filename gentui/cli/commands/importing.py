"""``import``: make runs from the logs of other programs."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from gentui.cli.console import App, json_option, out, out_json, pass_app, say
from gentui.cli.errors import Exit

if TYPE_CHECKING:
    from gentui.imports.parsing import Opener
    from gentui.imports.run_writer import RunWriter


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--name", default="", metavar="TEXT", help="Name of the run (default: from the log or its path).")
@click.option(
    "--follow", is_flag=True, help="Follow growing logs until their runs end. Ctrl-C stops following."
)
@json_option("a list of imported runs with id, name, path, points and what was skipped")
@pass_app
def import_command(app: App, paths: tuple[str, ...], name: str, follow: bool, as_json: bool) -> int:
    """Import runs from the logs of other scripts, to view beside your own; prints their ids.

    PATH is a wandb run directory or a folder of them, a .wandb file, a TensorBoard event file or log directory, a
    .csv file with a header, a .jsonl file of objects, or - for JSON lines from a pipe, which is followed. Importing the
    same PATH again updates its run.
    """
    from gentui.imports import importer
    from gentui.imports.discovery import STANDARD_INPUT, find
    from gentui.imports.log_entries import Skips
    from gentui.jobs.detach import Detach

    skipped = Skips()
    openers = [opener for path in dict.fromkeys(paths) for opener in find(path, skipped.add)]
    if skipped:
        say(str(skipped))
    if STANDARD_INPUT in paths and len(openers) > 1:
        raise click.UsageError("- stands alone: import other paths by themselves", click.get_current_context())
    if name and len(openers) > 1:
        raise click.UsageError(f"--name is for one run, not for {len(openers)}", click.get_current_context())
    if follow or STANDARD_INPUT in paths:
        with Detach(signal.SIGTERM) as detach:
            writers, code = _each(
                openers,
                lambda opener: importer.begin(app.home, opener, name, detach),
                _report_followed,
                as_json,
            )

            def more() -> list[RunWriter]:
                """Runs that have started in the folders meanwhile."""
                new = [opener for opener in _found_now(paths) if _log_of(opener) not in imported]
                imported.update(map(_log_of, new))
                begun, _ = _each(
                    new, lambda opener: importer.begin(app.home, opener, "", detach), _report_followed, as_json
                )
                writers.extend(begun)
                return begun

            imported = set(map(_log_of, openers))
            importer.follow(writers, detach, _report, more)
            code = code or _code(writers, detach.requested)
    else:
        writers, code = _each(openers, lambda opener: importer.take(app.home, opener, name), _report, as_json)
    if as_json:
        out_json([_described(writer) for writer in writers])
    return code


def _found_now(paths: tuple[str, ...]) -> list[Opener]:
    from gentui.imports.discovery import STANDARD_INPUT, find
    from gentui.imports.log_entries import Unusable

    found = []
    for path in paths:
        if path != STANDARD_INPUT:
            with suppress(Unusable, OSError):  # removed meanwhile
                found += find(path)
    return found


def _log_of(opener: Opener) -> tuple[object, ...]:
    """Identity of the log that it opens."""
    return (opener.func, opener.args)


def _each(
    openers: list[Opener],
    get: Callable[[Opener], RunWriter],
    report: Callable[[RunWriter], None],
    as_json: bool,
) -> tuple[list[RunWriter], int]:
    """Import every log; returns the runs and the exit code. A log that fails does not stop the others."""
    from gentui.cli.errors import explain

    writers: list[RunWriter] = []
    code: int = Exit.OK
    for opener in openers:
        try:
            writer = get(opener)
        except Exception as error:
            message, why = explain(error)
            say(message)
            code = code or why
            continue
        writers.append(writer)
        if not as_json:
            out(writer.run.id)
        report(writer)
    sys.stdout.flush()
    return writers, code


def _code(writers: list[RunWriter], is_left: bool) -> int:
    if all(writer.status == "done" for writer in writers):
        return Exit.OK
    return Exit.INTERRUPTED if is_left else Exit.RUN_FAILED


def _named(writer: RunWriter) -> str:
    return f"{writer.name} ({writer.source.format})"


def _report_followed(writer: RunWriter) -> None:
    say(f"following {_named(writer)}; `gentui open {writer.run.id}` shows it, Ctrl-C stops following")


def _report(writer: RunWriter) -> None:
    """Print what was imported, how its log was understood and what was skipped."""
    say(str(writer))
    for remark in writer.remarks():
        say(f"  {remark}")


def _described(writer: RunWriter) -> dict[str, Any]:
    return {
        "id": writer.run.id,
        "name": writer.name,
        "from": writer.source.format,
        "path": writer.source.path,
        "status": writer.status,
        "points": writer.recorder.points,
        "samples": writer.recorder.pictures,
        "notes": writer.recorder.notes,
        "skipped": [
            {"what": what, "n": n, "example": writer.recorder.skipped.examples.get(what, "")}
            for what, n in writer.recorder.skipped.items()
        ],
    }
