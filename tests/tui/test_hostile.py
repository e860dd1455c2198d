"""Names, recipes, logs and paths that try to act on the terminal reach it as harmless text."""

from __future__ import annotations

import pytest

from engine.rundir import RunDir
from gentui.tui.screens.run import inside

NASTY = "\x1b]52;c;b3duZWQ=\x07[/bold]\u202eevil\ud800\x1b[2J[@click=app.quit]x[/]"


def spoil(run: RunDir) -> None:
    run.update_info(name=NASTY, title=NASTY, dataset="digits", recipe="digits-unet")
    run.log_path.write_bytes(
        NASTY.encode("utf-8", "surrogatepass")
        + b"\n"
        + b"\xff\xfe"
        + b"A" * 300_000
        + b"\r 10%\r 20%\n[/] [bold\n"
    )
    (run.path / "architecture.txt").write_text(f"{NASTY.replace(chr(0xD800), '')}\n\x1b]0;t\x07\n", "utf-8")
    run.recipe_path.write_text('summary = "[/red] \\u202e"\n# \x1b]0;title\x07\n', "utf-8")


@pytest.mark.parametrize(
    "place",
    [
        ["2"],
        ["4", "c"],
        ["4", "s"],
        ["4", "s", "p"],
        ["4", "e"],
        ["4", "i"],
        ["4", "g"],
        ["4", "o"],
        ["4", "t"],
        ["3"],
    ],
    ids="".join,
)
async def test_nothing_untrusted_acts(desk, size, runs, place):
    run = runs.make(status="failed", reason=NASTY, fid=9.0, alerts=0)
    spoil(run)
    runs.event(run, "alert", 300, severity=NASTY, name="x", sentence=NASTY, cause=NASTY, remedy="[/]")
    runs.event(run, "sample", 300, path="../../../etc/passwd", rows=1, columns=1, caption=NASTY)
    runs.event(run, "figure", 300, name=NASTY, path="figures/x.gif", caption=NASTY)
    runs.event(run, "metrics", 301, values={NASTY: 1.0, "loss": 0.2})
    runs.event(
        run, "evaluation", 301, metric=f"m{NASTY}", value=3.0, lower_is_better=True, protocol=NASTY,
        protocol_id="ffffffff", protocol_detail={}, floor=None, seconds=1.0, best=True,
    )  # fmt: skip
    async with desk(size) as d:
        for stroke in place:
            await d.press(stroke)
            await d.until(lambda: type(d.app.screen).__name__ != "HomeScreen")
        await d.pilot.pause()
        await d.sees({"2": "✗ failed", "3": "fid"}.get(place[0], "Charts"))
        for strip in d.app.screen._compositor.render_strips():
            for segment in strip:
                assert segment.control is None or not segment.control
                assert not set(segment.text) & set("\x1b\x07\x9b\u202e\n\r")
                segment.text.encode("utf-8")
        assert d.app.is_running


@pytest.mark.parametrize(
    "path", ["../../../etc/passwd", "/etc/passwd", "samples/../../x.png", "samples/link/x.png", "\0"]
)
def test_a_picture_outside_the_run_is_not_opened(runs, path):
    run = runs.make(samples=0)
    (run.path / "samples" / "link").symlink_to("/etc")
    assert inside(run.path, path).resolve().is_relative_to(run.path.resolve())
