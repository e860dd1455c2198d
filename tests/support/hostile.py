"""A home in which every text that somebody else can set tries to act on the terminal, written as an adversary would:
straight into the files, past every command that would have looked at it."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from wcwidth import wcwidth

from engine.recipes.recipe import load
from engine.runs.directory import RunDir, new_run_id
from gentui.text.sanitize import MOST_MARKS
from tests.support.runs import Runs, digit_tiles, grid_png

SHALOM, SALAM = "שלום", "سلام"
"""Names as good as any: they are shown."""

ACTS = (
    "\x1b]52;c;b3duZWQ=\x07",  # writes the clipboard
    "\x1b]52;c;b3duZWQ=\x1b\\",
    "\x9d52;c;b3duZWQ=\x9c",
    "\x1b]0;owned\x07",
    "\x1b]8;;http://owned\x1b\\",
    "\x1b[2J\x1b[H",
    "\x9b2J",
    "\x1b[6n",  # is answered as if typed
    "\x1bP+q544e\x1b\\",
    "\x1b_Ga=T,f=24;AAAA\x1b\\",
    "\x1b(0",
    "\x1bc",
    "\x1b",
    "\r\n\x08\x7f\x85\u2028\t\x0b\x0c\x07\x00\x1e",
    "\u202e\u2066\u2067\u2068\u2069\u202a\u202b\u202c\u202d\u200e\u200f\u061c",
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u115f\u1160\u3164\uffa0\u17b4\U000e0041",
    "👩\u200d👩\u200d👧❤\ufe0f👍🏽🇩🇪1\ufe0f\u20e3\U0010eeee",
    "e" + "\u0301" * 40 + "ก" + "\u0e49" * 40 + "ا" + "\u064b" * 40,
)
MARKUP = "[/][bold][@click=app.quit]x[/]"
NASTY = "".join(
    (
        SHALOM,
        *(f"{act}{letter}" for act, letter in zip(ACTS, "abcdefghijklmnopqrst", strict=False)),
        MARKUP,
        SALAM,
    )
)
LONE = f"\ud800{NASTY}\udc00"
SHORT = f"\x1b]52;c;b3duZWQ=\x07{SHALOM}\u202e[/]\x9b2J👩\u200d👧{SALAM}"
LINE = 10_000_000
HUGE = 10**400

_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*\$?[mHhlup]|\]22;[a-z-]*\x07)")
_MOVE = re.compile(r"\x1b\[(\d+);(\d+)H")


def acts_of(written: str, columns: int) -> list[str]:
    """What of all that was written to a terminal is not the app's own: sequences, controls, text beyond the edge."""
    found, at, column = [], 0, 0
    for sequence in [*_SEQUENCE.finditer(written), None]:
        text = written[at : sequence.start() if sequence else len(written)].replace("\r\n", "")
        found += [f"{character!r} in {text!r}" for character in text if not is_harmless(character)]
        column += sum(max(0, wcwidth(character)) for character in text)
        if column > columns:
            found.append(f"text to column {column}: {text!r}")
        if longest_stack(text) > MOST_MARKS:
            found.append(f"a tower of marks in {text!r}")
        if sequence is None:
            break
        at = sequence.end()
        if move := _MOVE.fullmatch(sequence[0]):
            column = int(move[2]) - 1
    return found


def is_harmless(character: str) -> bool:
    """Printable, and of a width that terminals and we agree on."""
    return character.isprintable() and wcwidth(character) == cell_len(character)


def longest_stack(text: str) -> int:
    """How many characters the most laden one bears."""
    most = now = 0
    for character in text:
        now = 0 if wcwidth(character) else now + 1
        most = max(most, now)
    return most


def toml(text: str) -> str:
    """A TOML string, with what a TOML file may hold of the text."""
    kept = re.sub("[\ud800-\udfff]", "", text).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub("[\x00-\x1f\x7f]", lambda found: f"\\u{ord(found[0]):04x}", kept) + '"'


def put(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8", "surrogatepass")


class Hostile:
    """``first`` is the newest run; ``classifier`` has a t-SNE and a confusion table."""

    def __init__(self, home: Path, runs: Runs):
        self.home = home
        self._runs = runs
        self.config = Path(os.environ["GENTUI_CONFIG"])
        self._settings()
        self._recipes()
        self._plugins()
        self.huge = self._of_broken_files()
        self.classifier = self._classifier()
        self.second = self._run(seed=1, status="failed", reason=LONE)
        self.first = self._run()
        self._evaluations()
        self._trash()

    # -- what a person has

    def _settings(self) -> None:
        put(self.config / "keys.toml", f'{toml(NASTY)} = {toml(NASTY)}\n"runs.stop" = {toml(SHORT)}\n')
        layout = {"columns": SHORT, "hidden": [LONE], "smoothing": "NaN"}
        put(self.config / "charts.json", {"diffusion": layout, NASTY: layout, "gan": HUGE})
        put(self.config / "app.json", {"toured": True, "theme": LONE})

    def _recipes(self) -> None:
        folder = self.config / "recipes"
        text = load("digits-unet").to_toml().replace("digits-unet", "hostile")
        text = re.sub("(?m)^(title|summary|family) = .*$", "", text)
        text = re.sub("(?m)^order = .*$", "", text)
        head = f'title = {toml(SHORT)}\nfamily = "diffusion"\nsummary = {toml(NASTY)}\norder = -1\n'
        reference = (
            f"[reference]\nmetric = {toml(SHORT[:40])}\nvalue = 3.0\nprotocol = {toml(SHORT)}\n"
            f'source = {toml(SHORT)}\n[sweep]\n"optim.lr" = [1e-3, 1e-4]\n'
        )
        put(folder / "hostile.toml", head + text + reference)
        put(folder / f"{SHORT.replace('/', '')}.toml", head + text)
        put(folder / "wrong.toml", f"{head}{toml(NASTY)} = 1\n{text.replace('digits', NASTY[-40:])}")
        put(folder / "torn.toml", f'title = "{NASTY}')
        put(folder / "long.toml", f'title = "{"A" * LINE}"')
        put(folder / "deep.toml", f"title = {'[' * 5000}")
        with (folder / "bytes.toml").open("wb") as file:
            file.write(b'title = "\xff\x9b2J"')
        put(Path(os.fsdecode(bytes(folder) + b"/\xff\xfe\x1b[2J.toml")), "title = 1")

    def _plugins(self) -> None:
        put(self.config / "plugins" / "broken.py", f"raise ValueError({SHORT!r})")

    # -- runs

    def _run(self, status: str = "done", reason: str = "", seed: int = 0) -> RunDir:
        run = self._runs.make(fid=9.0, status=status, seed=seed)
        event = lambda kind, step, **fields: self._runs.event(run, kind, step, **fields)  # noqa: E731
        event("alert", 300, severity=SHORT, name=SHORT, sentence=NASTY, cause=NASTY, remedy=NASTY)
        event("alert", 300, severity="critical", name="divergence", sentence=NASTY, cause=NASTY, remedy=NASTY)
        event("sample", 300, path="../../../etc/passwd", rows=1, columns=1, caption=NASTY)
        event("sample", 300, path="samples/000300.png", rows=HUGE, columns=-1, caption=SHORT)
        for path in ("figures/x.gif", "figures/strip-000300.png"):
            event("figure", 300, name=SHORT, path=path, caption=SHORT)
        event(
            "metrics", 301, values={SHORT: 1.0, "loss": 0.2, f"health/{SHORT}": 3.0, "bar[/]": 1.0, SHALOM: 0.1}
        )
        event("status", 301, status="phase", phase=SHORT, device=SHORT, precision=SHORT)
        event("evaluation", 301, metric=f"m{SHORT}", value=3.0, lower_is_better=True, protocol=SHORT,
              protocol_id=SHORT, floor=None, seconds=1.0, best=True, selected_by=SHORT,
              protocol_detail={"metric": SHORT, "dataset": SHORT, "split": SHORT, "extractor": SHORT},
              role=SHORT)  # fmt: skip
        event("evaluation", 301, metric=f"m{SHORT}", value=3.0, lower_is_better=True, protocol=SHORT,
              protocol_id=SHORT, floor=0.5, floor_std=0.1, seconds=1.0, std=0.1, over=SHORT, role="report",
              noise_seed=0, protocol_detail={"labels": SHORT, "precision": SHORT, "noises": 3})  # fmt: skip
        info = run.info()
        told = dict.fromkeys(("name", "title", "stand_in_for", "device", "host", "git"), SHORT)
        put(
            run.info_path,
            {
                **info,
                **told,
                "name": f"{LONE[:60]}{seed}",
                "command": ["gentui", NASTY, LONE],
                "versions": {SHORT: SHORT},
                "reference": {"metric": SHORT, "value": 3.0, "protocol": SHORT, "source": SHORT},
            },
        )
        marks = {
            "tags": [f"{SALAM}\u202e{SHORT}", "\x1b[2J", "T" * LINE, f"sweep:{SHALOM}"],
            "notes": f"{LONE}\n{NASTY}",
        }
        put(run.path / "marks.json", {**marks, "tags": [marks["tags"][0], marks["tags"][1], "T" * 70, SHALOM]})
        state = json.loads(run.state_path.read_bytes())
        put(run.state_path, {**state, "slot": SHORT, "reason": reason or NASTY, "extra": {SHORT: SHORT}})
        recipe = re.sub("(?m)^(title|summary) = .*$", "", run.recipe_path.read_text())
        weights = f"weights = {toml('/' + SHORT)}"
        recipe = re.sub("(?m)^weights = .*$", lambda _: weights, recipe)
        put(
            run.recipe_path,
            f"# \u202e[/]{SHALOM}\x9b2J\ntitle = {toml(SHORT)}\nsummary = {toml(NASTY)}\n{recipe}",
        )
        put(run.path / "architecture.txt", f"{NASTY}\n{'A' * LINE}\n{NASTY}")
        log = LONE.encode("utf-8", "surrogatepass")
        run.log_path.write_bytes(
            log + b"\n" + b"B" * LINE + b"\n\xff\xfe 10%\r 20%\r 30%\n" + log + b"\nlast line"
        )
        (run.checkpoints / "last").mkdir()
        return run

    def _of_broken_files(self) -> list[RunDir]:
        """Runs whose small files are huge, deep, or hold numbers that are none."""
        deep = "[" * 100_000
        runs = [self._runs.make(steps=20, samples=0, fid=None) for _ in range(4)]
        put(runs[0].info_path, {**runs[0].info(), "name": "N" * LINE})
        put(runs[0].path / "marks.json", {"tags": ["T" * LINE], "notes": "n" * LINE})
        put(runs[1].info_path, f'{{"name": {deep}')
        put(runs[1].state_path, f'{{"status": "done", "extra": {deep}')
        put(runs[1].path / "marks.json", deep)
        put(runs[1].recipe_path, f"title = {deep}")
        numbers = dict.fromkeys(("created_at", "total_steps", "seed"), HUGE)
        put(runs[2].info_path, {**runs[2].info(), **numbers, "quick": NASTY, "name": SALAM})
        odd = {
            "started_at": float("nan"),
            "ended_at": float("inf"),
            "queued_at": HUGE,
            "exit_code": -HUGE,
            "pid": HUGE,
        }
        put(runs[2].state_path, {**json.loads(runs[2].state_path.read_bytes()), **odd})
        put(
            runs[3].info_path,
            {**runs[3].info(), "created_at": float("nan"), "seed": -1, "name": ["x"], "command": {"a": deep}},
        )
        put(runs[3].state_path, {"status": SHORT})
        (self.home / "runs" / SHORT.replace("/", "")).mkdir()
        return runs

    def _classifier(self) -> RunDir:
        run = self._runs.make("digitsm-digits-dann", samples=0)
        names = [SHORT, NASTY, LONE, SALAM]
        tsne = {"places": [[0, 1], [2, 3], [1, 1], [0, 0]], "classes": [0, 1, 2, 3], "domains": [0, 1, 0, 1],
                "class_names": names, "domain_names": [SHORT, LONE]}  # fmt: skip
        confusion = {"counts": [[HUGE, 0, 0, 1]] * 4, "class_names": names}
        for name, told in (("tsne", tsne), ("confusion", confusion)):
            path = f"figures/{name}-000300.png"
            grid_png(run.path / path, digit_tiles(2, 3))
            put((run.path / path).with_suffix(".json"), told)
            self._runs.event(run, "figure", 300, name=name, path=path, caption=SHORT)
        return run

    # -- beside the runs

    def _evaluations(self) -> None:
        for status in ("queued", "failed"):
            folder = self.home / "evaluations" / f"eval-{new_run_id()}"
            put(folder / "job.json", {"run": self.first.id, "options": {SHORT: NASTY}, "command": [NASTY]})
            state = {"status": status, "reason": NASTY, "slot": SHORT, "queued_at": time.time() + 1e6}
            put(folder / "state.json", state)
            put(folder / "log.txt", f"{NASTY}\n{'C' * LINE}\nerror: {NASTY}\n")
            (folder / "lock").touch()

    def _trash(self) -> None:
        run = self._run(seed=9)
        thrown = self.home / "trash" / run.id
        thrown.mkdir(parents=True)
        run.path.rename(thrown / "run")
        (self.home / "trash" / SHORT.replace("/", "")).mkdir()
