"""Home: every recipe, grouped; Enter trains the one under the cursor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from gentui.config import key_table
from gentui.text import numbers
from gentui.text.numbers import plural
from gentui.text.sanitize import clean
from gentui.tui import formatting, recipe_cards
from gentui.tui.index_reader import Query
from gentui.tui.recipe_cards import Card
from gentui.tui.screens.confirm import ConfirmScreen
from gentui.tui.screens.table_screen import TableScreen
from gentui.tui.widgets.filter import Filter
from gentui.tui.widgets.table import Cell, Column, Row, Table, heading

if TYPE_CHECKING:
    from textual.timer import Timer

    from engine.recipes.recipe import Recipe
    from gentui.index import Index, RunRow
    from gentui.tui.widgets.picture import Sheet

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
class Standing:
    """The newest run of a recipe, and how it stands: status, its tone, how far it has come. All clean. ``metric`` is
    what it was scored by first."""

    run: str
    status: str
    tone: str
    told: str
    metric: str = ""


def standings(index: Index) -> dict[str, Standing]:
    """The newest run of each recipe."""
    found: dict[str, RunRow] = {}
    for run in index.runs():
        found.setdefault(run.recipe, run)
    return {recipe: _standing(run) for recipe, run in found.items()}


def _standing(run: RunRow) -> Standing:
    words = [f"step {run.step:,}" + (f" of {run.steps:,}" if run.steps else "")] if run.step else []
    words += [f"loss {numbers.number(run.loss, 3)}"] if run.loss is not None else []
    if run.status in ("running", "stalled"):
        words += [clean(run.phase, 40)] if run.phase else []
        words += [f"{numbers.duration(run.eta_s)} left"] if run.eta_s is not None else []
    elif run.status != "done" and run.reason:
        words.append(clean(run.reason, 120))
    metric = run.best.metric if run.best is not None else ""
    return Standing(run.id, *formatting.status(run.status), " · ".join(words), metric)


@dataclass(frozen=True)
class Newest:
    """What the newest run of a recipe has left behind: its net as text, and its last grid of samples."""

    run: str
    net: tuple[str, ...] = ()
    sheet: Sheet | None = None
    step: int = 0


def what_is_left(index: Index, run_id: str, known: Newest | None) -> Newest:
    """Read it, in the live thread; ``known`` is what was read before. The net is written down once."""
    from engine.runs.directory import RunDir
    from gentui.text.sanitize import clean_lines
    from gentui.tui.widgets.pictures import sheet_of  # not in the screen's thread: it takes its time

    run = RunDir(index.home / "runs" / run_id)
    net = known.net if known is not None and known.run == run_id else ()
    if not net and (text := run.architecture().rstrip("\n")):
        net = tuple(clean_lines(text)[:MOST_OF_NET])
    samples = index.samples(run_id)
    if not samples or not (sheet := sheet_of(run.path, samples[-1])).path.is_file():
        return Newest(run_id, net)
    return Newest(run_id, net, sheet, samples[-1].step)


@dataclass(frozen=True)
class Known:
    """What the index knew of the recipes when asked: best scores, the newest runs, what the one looked at has left."""

    best: dict[str, dict[str, Best]] = field(default_factory=dict)
    runs: dict[str, Standing] = field(default_factory=dict)
    newest: Newest | None = None


def _beats(new: Best, old: Best) -> bool:
    return new.value < old.value if new.lower_is_better else new.value > old.value


class HomeScreen(TableScreen):
    """The start screen."""

    context = "home"
    place = "home"
    CSS_PATH = "home.tcss"
    BINDINGS = key_table.bindings("home")

    def __init__(self) -> None:
        super().__init__()
        self._cards: list[Card] = recipe_cards.quick_cards()
        self._loaded = False
        self._known = Known()
        self._watched = ""  # the run that the preview shows
        self._left: Newest | None = None  # the live thread's
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
        self.gentui.in_thread(recipe_cards.full_cards, self._recipes_loaded)

    def _recipes_loaded(self, loaded: list[Card]) -> None:
        self._cards, self._loaded = loaded, True
        self.fill()

    def on_screen_resume(self) -> None:
        if self._loaded:  # data may have been fetched meanwhile
            self._load()

    def index_query(self) -> Query | None:
        return Query(self._look_up)

    def _look_up(self, index: Index) -> Known:
        """In the live thread: again whenever a trainer has written something."""
        watched = self._watched
        self._left = what_is_left(index, watched, self._left) if watched else None
        return Known(best_scores(index), standings(index), self._left)

    def show(self, data: Known) -> None:
        if data != self._known:
            before, self._known = self._known, data
            if (data.best, data.runs) != (before.best, before.runs):
                self.fill()
            else:
                self._describe()

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
        """A person's best in the metric that was published; else in the recipe's own, else in the runs' first."""
        scores = self._known.best.get(f"{card.name}\0{card.dataset}", {})
        own = getattr(card.recipe.evaluate, "metric", "") if card.recipe is not None else ""
        standing = self._known.runs.get(card.name)
        first = standing.metric if standing is not None else ""
        return next((scores[metric] for metric in (card.metric, own, first, *scores) if metric in scores), None)

    @property
    def card(self) -> Card | None:
        """The recipe under the cursor."""
        key = self.query_one(Table).key
        return next((card for card in self._cards if card.name == key), None)

    def on_table_highlighted(self) -> None:
        self._describe()

    def _describe(self) -> None:
        card, known = self.card, self._known
        standing = known.runs.get(card.name) if card is not None else None
        run = standing.run if standing else ""
        newest = known.newest if known.newest is not None and known.newest.run == run else None
        if run != self._watched:
            if self._rest is not None:
                self._rest.stop()
            self._rest = self.set_timer(REST, lambda: self._look_at(run))
        text = Content("") if card is None else describe(card, self._best_of(card), newest, standing)
        self._show_samples(newest)
        static = self.query_one("#detail-text", Static)
        if static.visual != text:
            static.update(text)

    def _look_at(self, run_id: str) -> None:
        self._watched = run_id
        if run_id:
            self.ask()

    def _show_samples(self, newest: Newest | None) -> None:
        """The newest run's last grid, where there is one; the widget comes with the first."""
        pane = self.query_one("#detail")
        sheet = newest.sheet if newest is not None and self.gentui.images != "none" else None
        pane.set_class(sheet is not None, "-pictured")
        if newest is None or sheet is None:
            return
        from gentui.tui.widgets.viewer import Viewer

        caption = f"{newest.run}, step {newest.step:,}"
        viewer = next(iter(pane.query(Viewer)), None)
        if viewer is None:
            viewer = Viewer("half", id="newest-samples")
            pane.mount(viewer)
        viewer.show(sheet, caption)

    # -- keys

    def action_preview(self) -> None:
        """Give the pane most of the room, or the list; on a wide screen hide it, or show it."""
        self.toggle_class("-preview")

    def action_scroll_preview(self, by: int) -> None:
        pane = self.query_one("#detail-scroll")
        if not pane.region:
            self.say("p shows the preview.")
        elif not pane.max_scroll_y:
            self.say("All of the preview is in sight.")
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
            from engine.recipes import recipe as recipes

            chosen = card.recipe or recipes.load(recipes.find_recipe(name))
            chosen = chosen.as_quick() if quick else chosen
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
        from engine.recipes.axes import RANDOM, count_runs
        from gentui.runs import planning

        axes, chosen = planning.axes_of(recipe), recipe.sweep.get(RANDOM)

        def answered(yes: bool | None) -> None:
            self.say("")
            if yes:
                self.gentui.launch(recipe, command=command, axes=axes, chosen=chosen)

        number = plural(count_runs(axes, chosen), "run")
        self.app.push_screen(ConfirmScreen(f"Start {number} of {recipe.name}?", planning.shape(axes)), answered)

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
    return formatting.score(metric.rpartition("_")[2], value)


def describe(
    card: Card, best: Best | None, newest: Newest | None = None, standing: Standing | None = None
) -> Content:
    """The detail pane: what the recipe does, the data, the published figure, the newest run, settings, what quick
    changes, and the net as that run built it."""
    parts: list[Content | tuple[str, str] | str] = [(card.title, "bold"), "\n"]
    line = " · ".join(part for part in (card.family, card.dataset_title or card.dataset) if part)
    parts += [(line, "$text-muted"), "\n"]
    if standing is not None:
        parts += ["Newest run ", (standing.status, formatting.STYLES.get(standing.tone, ""))]
        parts += [f" · {standing.told}\n" if standing.told else "\n"]
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
        value = numbers.number(reference.value) if reference.value is not None else "no figure"
        parts += ["\n", ("Published  ", "bold"), (f"{clean(reference.metric, 40)} {value}", "$accent"), "\n"]
        for text in (reference.protocol, reference.source, reference.note):
            if text:
                parts += [(clean(text, 300), "$text-muted"), "\n"]
    if best is not None:
        parts += [
            "\n",
            ("Your best  ", "bold"),
            (f"{best.metric} {numbers.number(best.value)}", "$accent"),
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
        return numbers.number(value)
    if isinstance(value, list):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return clean(value, 80)
