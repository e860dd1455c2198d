"""Home: every recipe, grouped; Enter trains the one under the cursor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from gentui.text import clean
from gentui.tui import cards, keys, wording
from gentui.tui.cards import Card
from gentui.tui.live import Fetch
from gentui.tui.screens.base import ListScreen
from gentui.tui.screens.confirm import ConfirmScreen
from gentui.tui.widgets.filter import Filter
from gentui.tui.widgets.table import Cell, Column, Row, Table, heading

if TYPE_CHECKING:
    from textual.timer import Timer

    from engine.recipe import Recipe
    from gentui.index import Index

COLUMNS = (
    Column("recipe", minimum=12, maximum=28),
    Column("data set", flex=True, minimum=6, maximum=16, drop=2),
    Column("what it is", flex=True, minimum=14, maximum=60, drop=3),
    Column("published", "right", minimum=9, maximum=16),
    Column("your best", "right", minimum=9, maximum=16),
    Column("data", minimum=9, maximum=12),
)


MOST_OF_NET = 60  # lines of the net in the pane
REST = 0.15  # seconds on a recipe until what its newest run left is read


@dataclass(frozen=True)
class Best:
    """A person's best score in one metric with a recipe on its own data set."""

    run: str
    value: float
    metric: str
    protocol: str
    lower_is_better: bool
    samples: int


def best_scores(index: Index) -> dict[str, dict[str, Best]]:
    """Best own scores by recipe and data set, then metric. Different protocols do not compare: of those the one
    with the most images counts."""
    found: dict[str, dict[str, Best]] = {}
    for row in index.leaderboard():
        if row.run is None:
            continue
        new = Best(
            row.run,
            row.value,
            row.metric,
            clean(row.protocol, 300),
            bool(row.lower_is_better),
            int(row.samples or 0),
        )
        of = found.setdefault(f"{row.recipe}\0{row.dataset}", {})
        old = of.get(row.metric)
        if old is None or new.samples > old.samples or (new.samples == old.samples and _beats(new, old)):
            of[row.metric] = new
    return found


@dataclass(frozen=True)
class Newest:
    """What the newest run of a recipe left behind: its net as text, and its last grid of samples."""

    run: str
    net: tuple[str, ...] = ()
    picture: Path | None = None
    rows: int = 0
    columns: int = 0
    step: int = 0


def newest_runs(index: Index) -> dict[str, str]:
    """The id of the newest run of each recipe."""
    found: dict[str, str] = {}
    for run in index.runs():
        found.setdefault(run.recipe, run.id)
    return found


def what_is_left(home: Path, run_id: str) -> Newest:
    """Read it; in a thread."""
    from engine.rundir import RunDir
    from gentui.index import Index
    from gentui.text import clean_lines
    from gentui.tui.screens.run import inside
    from gentui.tui.widgets import viewer as _  # noqa: F401  not in the screen's thread: it takes its time

    run = RunDir(home / "runs" / run_id)
    text = run.architecture().rstrip("\n")
    net = tuple(clean_lines(text)[:MOST_OF_NET]) if text else ()
    samples = Index(home).samples(run_id)
    if not samples or not (picture := inside(run.path, samples[-1].path)).is_file():
        return Newest(run_id, net)
    last = samples[-1]
    return Newest(run_id, net, picture, last.rows or 0, last.columns or 0, last.step)


def _beats(new: Best, old: Best) -> bool:
    return new.value < old.value if new.lower_is_better else new.value > old.value


class HomeScreen(ListScreen):
    """The start screen."""

    context = "home"
    place = "home"
    CSS_PATH = "home.tcss"
    BINDINGS = keys.bindings("home")

    def __init__(self) -> None:
        super().__init__()
        self._cards: list[Card] = cards.quick_cards()
        self._best: dict[str, dict[str, Best]] = {}
        self._loaded = False
        self._runs: dict[str, str] = {}
        self._newest: Newest | None = None
        self._rest: Timer | None = None

    def body(self) -> ComposeResult:
        yield Filter("name, family, data set, title", id="home-filter")
        with Horizontal(id="home-body"):
            yield Table(COLUMNS, id="recipes", empty="No recipe matches. Esc clears the filter.")
            with Vertical(id="detail"), VerticalScroll(id="detail-scroll", can_focus=False):
                yield Static(id="detail-text", markup=False)

    def on_mount(self) -> None:
        self.fill()
        self.call_after_refresh(lambda: self.set_timer(0.02, self._load))

    def _load(self) -> None:
        self.gentui.in_thread(cards.full_cards, self._recipes_loaded)

    def _recipes_loaded(self, loaded: list[Card]) -> None:
        self._cards, self._loaded = loaded, True
        self.fill()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self._newest = None  # it may have gone on
        if self._loaded:  # data may have been fetched meanwhile
            self._load()

    def fetch(self) -> Fetch | None:
        return Fetch(lambda index: (best_scores(index), newest_runs(index)))

    def show(self, data: Any) -> None:
        if data != (self._best, self._runs):
            self._best, self._runs = data
            self.fill()

    # -- drawing

    def fill(self) -> None:
        words = self.query_one(Filter).value
        rows: list[Row] = []
        group = None
        for card in self._cards:
            if not card.matches(words):
                continue
            if card.group != group:
                group = card.group
                rows.append(heading(group))
            rows.append(self._row(card))
        self.query_one(Table).set_rows(rows)
        self._describe()

    def _row(self, card: Card) -> Row:
        published: Cell = ("–", "dim")
        if card.published is not None:
            published = _short(card.metric, card.published)
        best = self._best_of(card)
        mine = ("–", "dim") if best is None else (_short(best.metric, best.value), "accent")
        if card.problem:
            here = ("✗ broken", "bad")
        elif card.here is None:
            here = ("…", "dim")
        elif card.here:
            here = ("✓ here", "good")
        else:
            here = (f"≈ {card.stand_in}" if card.stand_in else "✗ missing", "warn")
        return Row(card.name, (card.name, card.dataset, (card.title, "dim"), published, mine, here))

    def _best_of(self, card: Card) -> Best | None:
        """A person's best in the metric that was published; else in the recipe's own, else in any."""
        scores = self._best.get(f"{card.name}\0{card.dataset}", {})
        own = getattr(card.recipe.evaluate, "metric", "") if card.recipe is not None else ""
        return next((scores[metric] for metric in (card.metric, own, *scores) if metric in scores), None)

    @property
    def card(self) -> Card | None:
        """The recipe under the cursor."""
        key = self.query_one(Table).key
        return next((card for card in self._cards if card.name == key), None)

    def on_table_highlighted(self) -> None:
        self._describe()

    def _describe(self) -> None:
        card = self.card
        run = self._runs.get(card.name) if card is not None else None
        newest = self._newest if self._newest is not None and self._newest.run == run else None
        if run is not None and newest is None:
            if self._rest is not None:
                self._rest.stop()
            self._rest = self.set_timer(REST, lambda: self._look_at(run))
        text = Content("") if card is None else describe(card, self._best_of(card), newest)
        self._show_samples(newest)
        static = self.query_one("#detail-text", Static)
        if static.visual != text:
            static.update(text)

    def _look_at(self, run_id: str) -> None:
        home = self.gentui.home
        self.gentui.in_thread(lambda: what_is_left(home, run_id), self._know_newest)

    def _know_newest(self, newest: Newest) -> None:
        self._newest = newest
        if self.is_attached and self.card is not None and self._runs.get(self.card.name) == newest.run:
            self._describe()

    def _show_samples(self, newest: Newest | None) -> None:
        """The newest run's last grid, where there is one; the widget comes with the first."""
        pane = self.query_one("#detail")
        picture = newest.picture if newest is not None else None
        pane.set_class(picture is not None and self.gentui.images != "none", "-pictured")
        if newest is None or picture is None or self.gentui.images == "none":
            return
        from gentui.tui.widgets.picture import Sheet
        from gentui.tui.widgets.viewer import Viewer

        sheet = Sheet(picture, newest.rows, newest.columns)
        caption = f"{newest.run}, step {newest.step:,}"
        if found := list(pane.query(Viewer)):
            found[0].show(sheet, caption)
        else:
            viewer = Viewer("half", id="newest-samples")
            pane.mount(viewer)
            self.call_after_refresh(viewer.show, sheet, caption)

    # -- keys

    def action_preview(self) -> None:
        """Give the pane most of the room, or the list; on a wide screen hide it, or show it."""
        self.toggle_class("-preview")

    def action_scroll_preview(self, by: int) -> None:
        pane = self.query_one("#detail-scroll")
        pane.scroll_relative(y=by * max(1, pane.size.height - 1), animate=False)

    async def action_train(self) -> None:
        self._train(quick=False)

    def action_quick(self) -> None:
        self._train(quick=True)

    def on_table_chosen(self) -> None:
        self._train(quick=False)

    def _train(self, quick: bool) -> None:
        card = self.card
        if card is None:
            return
        if card.problem:
            self.gentui.tell(f"This recipe cannot be used: {card.problem}", "error")
            return
        name = card.name

        def ready() -> Recipe:
            from engine import recipe as recipes

            chosen = card.recipe or recipes.load(recipes.find_recipe(name))
            chosen = chosen.quickened() if quick else chosen
            chosen.require_data()
            return chosen

        command = ["gentui", "run", name, *(["--quick"] if quick else [])]
        self.say(f"Starting {name}{' (quick)' if quick else ''} …")
        self.gentui.in_thread(ready, lambda recipe: self._start(recipe, command))

    def _start(self, recipe: Recipe, command: list[str]) -> None:
        """Launch it; a sweep only once it was said how many runs that is."""
        if not recipe.sweep:
            self.gentui.launch(recipe, command=command)
            return
        from engine import sweep
        from gentui import sweeps

        axes, chosen = sweeps.axes_of(recipe), recipe.sweep.get(sweep.RANDOM)

        def answered(yes: bool | None) -> None:
            self.say("")
            if yes:
                self.gentui.launch(recipe, command=command, axes=axes, chosen=chosen)

        number = wording.plural(sweep.count(axes, chosen), "run")
        self.app.push_screen(ConfirmScreen(f"Start {number} of {recipe.name}?", sweeps.shape(axes)), answered)

    async def action_edit(self) -> None:
        card = self.card
        if card is None:
            return
        if card.problem:
            self.gentui.tell(f"This recipe cannot be used: {card.problem}", "error")
        elif card.recipe is not None:
            from gentui.tui.screens.form import FormScreen

            await self.app.push_screen(FormScreen(card.recipe))  # what is typed ahead belongs to the form

    def action_best(self) -> None:
        card = self.card
        if card is not None and (best := self._best_of(card)) is not None:
            self.gentui.open_run(best.run)
        else:
            self.say("No score of yours for this recipe yet.")

    async def action_back(self) -> None:
        self.query_one(Filter).close()
        self.say("")


def _short(metric: str, value: float) -> str:
    """``fid 102``, ``acc 0.4943``: whose accuracy, the detail pane says."""
    return wording.score(metric.rpartition("_")[2], value)


def describe(card: Card, best: Best | None, newest: Newest | None = None) -> Content:
    """The detail pane: what the recipe does, the data, the published figure, settings, what quick changes, and the
    net as its newest run built it."""
    parts: list[Content | tuple[str, str] | str] = [(card.title, "bold"), "\n"]
    line = " · ".join(part for part in (card.family, card.dataset_title or card.dataset) if part)
    parts += [(line, "$text-muted"), "\n"]
    if card.summary:
        parts += ["\n", card.summary, "\n"]
    if card.problem:
        parts += ["\n", ("✗ This recipe cannot be read\n", "bold $error"), card.problem, "\n"]
    recipe = card.recipe
    if card.here is False:
        parts += ["\n", ("✗ Data missing\n", "bold $warning"), card.remedy, "\n"]
        if card.stand_in:
            parts += [f"Quick (t) trains on {card.stand_in} instead.\n"]
    if recipe is not None and recipe.reference is not None:
        reference = recipe.reference
        value = wording.number(reference.value) if reference.value is not None else "no figure"
        parts += ["\n", ("Published  ", "bold"), (f"{clean(reference.metric, 40)} {value}", "$accent"), "\n"]
        for text in (reference.protocol, reference.source, reference.note):
            if text:
                parts += [(clean(text, 300), "$text-muted"), "\n"]
    if best is not None:
        parts += [
            "\n",
            ("Your best  ", "bold"),
            (f"{best.metric} {wording.number(best.value)}", "$accent"),
            "\n",
        ]
        parts += [(best.protocol, "$text-muted"), "\n"]
    if recipe is not None:
        parts += ["\n", *_settings(recipe)]
    if newest is not None and newest.net:
        parts += ["\n", ("Net", "bold"), (f"  of {newest.run}\n", "$text-muted"), "\n".join(newest.net), "\n"]
    return Content.assemble(*parts)


def _settings(recipe: Recipe) -> list[tuple[str, str] | str]:
    parts: list[tuple[str, str] | str] = [("Settings", "bold"), "\n"]
    raw = recipe.raw()
    for table in ("data", "model", "method", "optim", "schedule", "train", "sample", "evaluate"):
        values = raw.get(table)
        if not isinstance(values, dict):
            continue
        words = "  ".join(f"{clean(k, 60)} {_value(v)}" for k, v in values.items())
        parts += [(f"{table:<9}", "$secondary"), words, "\n"]
    if recipe.quick:
        changes = []
        for table, values in recipe.quick.items():
            if isinstance(values, dict):
                changes += [f"{clean(table, 40)}.{clean(k, 60)} {_value(v)}" for k, v in values.items()]
            elif table == "stand_in":
                changes.append(f"data: {_value(values)} where the real set is missing")
        parts += ["\n", ("Quick (t) changes", "bold"), "\n", "\n".join(changes), "\n"]
    return parts


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return wording.number(value)
    if isinstance(value, list):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return clean(value, 80)
