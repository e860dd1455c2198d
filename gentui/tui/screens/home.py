"""Home: every recipe, grouped; Enter shows what the one under the cursor trains, and Enter again trains it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from gentui.config import key_table, preferences
from gentui.runs.metric_names import published_name
from gentui.text import numbers
from gentui.tui import formatting, navigation, recipe_cards
from gentui.tui.index_reader import Query
from gentui.tui.recipe_cards import Card
from gentui.tui.screens.home_data import Best, NewestRun, Preview, RecipeResults, ResultsReader
from gentui.tui.screens.recipe_text import recipe_text, ways_to_data
from gentui.tui.screens.table_screen import TableScreen, list_width
from gentui.tui.widgets.filter import Filter
from gentui.tui.widgets.pane_title import PaneTitle
from gentui.tui.widgets.table import Cell, Column, Row, Table, heading

if TYPE_CHECKING:
    from textual.timer import Timer

    from engine.recipes.recipe import Recipe
    from gentui.tui.screens import launch

COLUMNS = (
    Column("recipe", flex=True, minimum=12, maximum=28, cut="middle"),
    Column("data set", flex=True, minimum=6, maximum=16, drop=4),
    Column("what it is", flex=True, minimum=14, maximum=60, drop=5),
    Column("published", "right", minimum=9, maximum=16),
    Column("your best", "right", minimum=9, maximum=20),
    Column("data", minimum=9, maximum=12),
)


MORE = 6
"""Columns that the list is wider than that of the runs, for its names."""
REST = 0.15
"""Seconds on a recipe until the preview of its newest run is read."""


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
        self._results = RecipeResults()
        self._previewed = ""  # the run whose preview is read
        self._reader = ResultsReader()
        self._rest: Timer | None = None

    def body(self) -> ComposeResult:
        yield Filter("name, data set, loss, net, any setting", id="home-filter")
        with Horizontal(id="home-body"):
            with Vertical(id="recipes-list"):
                yield PaneTitle("recipes", id="recipes-title")
                yield Table(COLUMNS, id="recipes", empty="No recipe matches. Esc clears the filter.")
            with Vertical(id="detail"):
                yield PaneTitle(id="detail-title")
                with VerticalScroll(id="detail-scroll", can_focus=False):
                    yield Static(id="detail-text", markup=False)
                with Vertical(id="newest"):
                    yield PaneTitle(id="newest-title")
                    yield Horizontal()

    def on_mount(self) -> None:
        self.set_class(not preferences.read().recipes_pane, "-off")
        self._arrange()
        self.fill()
        self.call_after_refresh(lambda: self.set_timer(0.02, self._load))

    def _load(self) -> None:
        self.gentui.in_thread(recipe_cards.full_cards, self._recipes_loaded)

    def _recipes_loaded(self, loaded: list[Card]) -> None:
        self._cards, self._loaded = loaded, True
        self.fill()

    def on_screen_resume(self) -> None:
        if self._loaded:  # data may have been fetched since
            self._load()

    def index_query(self) -> Query | None:
        return Query(lambda index: self._reader.read(index, self._previewed))

    def show(self, data: RecipeResults) -> None:
        if data != self._results:
            before, self._results = self._results, data
            if (data.best, data.newest) != (before.best, before.newest):
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
        self._show_title()
        self._describe()

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> None:
        """Divide the screen between list and preview."""
        shared = self.is_wide and not self.has_class("-off") and not self.is_short
        self.query_one("#recipes-list").styles.width = (
            list_width(self.app.size.width) + MORE if shared else "100%"
        )
        self._show_title()

    def _show_title(self) -> None:
        """How many recipes there are, and how the preview is brought back, or made larger."""
        shown = sum(row.key is not None for row in self.query_one(Table).rows)
        count = f"{shown}" if shown == len(self._cards) else f"{shown} of {len(self._cards)} match the filter"
        key = key_table.as_mapped(key_table.BY_ID["home.preview"]).display
        is_hidden = self.is_short or (self.is_wide and self.has_class("-off"))
        hint = f"{key} shows the preview" if is_hidden and not self.has_class("-preview") else ""
        if not is_hidden and not self.is_wide:
            hint = f"{key} the list again" if self.has_class("-preview") else f"{key} more of the preview"
        self.query_one("#recipes-title", PaneTitle).show((("recipes  ", "title"), (count, "")), hint)

    def _row(self, card: Card) -> Row:
        published: Cell = ("–", "dim")
        if card.published is not None:
            published = f"{published_name(card.metric)} {numbers.number(card.published)}"
        best = self._best_of(card)
        mine = ("–", "dim") if best is None else (formatting.score(best), "strong")
        if card.problem:
            here = ("✗ broken", "bad")
        elif card.here is None:
            here = ("…", "dim")
        elif card.here:
            here = ("✓ here", "dim")
        else:
            here = ("✗ missing", "warn")
        return Row(card.name, (card.name, card.dataset, (card.title, "dim"), published, mine, here))

    def _best_of(self, card: Card) -> Best | None:
        """The best own score by the published metric, else by that of the recipe, else by that of the newest run."""
        scores = self._results.best.get(f"{card.name}\0{card.dataset}", {})
        own = getattr(card.recipe.evaluate, "metric", "") if card.recipe is not None else ""
        newest = self._results.newest.get(card.name)
        first = newest.metric if newest is not None else ""
        return next((scores[metric] for metric in (card.metric, own, first, *scores) if metric in scores), None)

    @property
    def card(self) -> Card | None:
        """The recipe under the cursor."""
        key = self.query_one(Table).key
        return next((card for card in self._cards if card.name == key), None)

    def on_table_highlighted(self) -> None:
        self._describe()

    def _describe(self) -> None:
        """Describe the recipe under the cursor; the preview of its newest run follows when the cursor rests."""
        card, results = self.card, self._results
        newest = results.newest.get(card.name) if card is not None else None
        run = newest.run if newest else ""
        preview = results.preview if results.preview is not None and results.preview.run == run else None
        if run != self._previewed:
            if self._rest is not None:
                self._rest.stop()
            self._rest = self.set_timer(REST, lambda: self._read_preview(run))
        text = Content("") if card is None else recipe_text(card, self._best_of(card), preview, newest)
        words = (
            (card.name, " · ".join(filter(None, (card.family, card.dataset)))) if card is not None else ("", "")
        )
        self.query_one("#detail-title", PaneTitle).show(((words[0], "title"),), words[1])
        self._show_newest(preview, newest)
        static = self.query_one("#detail-text", Static)
        if static.visual != text:
            static.update(text)

    def _read_preview(self, run_id: str) -> None:
        self._previewed = run_id
        if run_id:
            self.ask()

    def _show_newest(self, preview: Preview | None, newest: NewestRun | None) -> None:
        """Show the first chart of the newest run and its last grid of samples, where there are any; their widgets are
        made for the first."""
        pane = self.query_one("#detail")
        sheet = preview.sheet if preview is not None and self.gentui.images != "none" else None
        curves = preview.curves if preview is not None else ()
        pane.set_class(sheet is not None, "-pictured")
        pane.set_class(bool(curves), "-curved")
        if preview is None or newest is None or not (curves or sheet):
            return
        from gentui.tui.widgets.chart import Chart
        from gentui.tui.widgets.viewer import Viewer

        title = (("your newest run  ", "title"), (newest.status, newest.tone), (f" · {newest.progress}", "dim"))
        self.query_one("#newest-title", PaneTitle).show(title)
        body = pane.query_one("#newest > Horizontal")
        if not body.children:
            body.mount(Chart(), Viewer("half", id="newest-samples"))
        for box in body.query(Chart):
            if preview.style is not None and curves:
                box.show(curves, preview.style, "")
        for viewer in body.query(Viewer):
            if sheet is not None:
                viewer.show(sheet, f"step {preview.step:,}")

    # -- keys

    def action_preview(self) -> None:
        """Give most of the room to the preview, or to the list; on a wide screen hide the preview, or show it."""
        if self.is_wide and not self.is_short:
            is_on = self.has_class("-off")
            self.set_class(not is_on, "-off")
            self.gentui.in_thread(lambda: preferences.remember(recipes_pane=is_on))
        else:
            self.toggle_class("-preview")
        self._arrange()

    def action_scroll_preview(self, by: int) -> None:
        pane = self.query_one("#detail-scroll")
        if not pane.region:
            self.say("p shows the preview.")
        elif not pane.max_scroll_y:
            self.say("All of the preview is in sight.")
        pane.scroll_relative(y=by * max(1, pane.size.height - 1), animate=False)

    async def action_train(self) -> None:
        await self._open_sheet()

    async def action_quick(self) -> None:
        await self._open_sheet(quick=True)

    async def on_table_chosen(self) -> None:
        await self._open_sheet()

    async def _open_sheet(self, quick: bool = False) -> None:
        """Show what would be trained; keys typed ahead belong to the sheet."""
        from gentui.tui.screens import launch  # not needed for the first frame

        if (card := self._usable_card()) is None:
            return

        def answered(answer: launch.Answer | None) -> None:
            if answer is None:
                return
            if answer.what == launch.EDIT:
                self._edit(card, answer)
            else:
                self._train(card, answer)

        await self.app.push_screen(launch.LaunchScreen(card, launch.QUICK if quick else launch.FULL), answered)

    def _usable_card(self) -> Card | None:
        """The recipe under the cursor, unless it cannot be read: then that is said."""
        card = self.card
        if card is not None and card.problem:
            self.gentui.toast(f"This recipe cannot be used: {card.problem}", "error")
            return None
        return card

    def _train(self, card: Card, answer: launch.Answer) -> None:
        from gentui.tui.screens import launch

        quick = answer.what == launch.QUICK

        def ready() -> Recipe | str:
            """The recipe, or why its data is not here."""
            from engine.recipes.recipe import MissingData

            recipe = answer.recipe or _load(card.name)
            recipe = recipe.as_quick() if quick else recipe
            try:
                recipe.require_data()
            except MissingData as missing:
                return str(missing)
            return recipe

        def start(recipe: Recipe | str) -> None:
            from engine.recipes.axes import RANDOM
            from gentui.runs import planning

            if isinstance(recipe, str):
                self.say("")
                self.gentui.missing_data(f"{recipe}\n\n{ways_to_data(card)}")
                return
            self.say("")
            axes = planning.axes_of(recipe) if recipe.sweep else ()
            words = launch.command(card.name, quick, answer.name, answer.place)
            on = None if answer.place == launch.HERE else answer.place
            self.gentui.launch(
                recipe, answer.name, command=words, axes=axes, chosen=recipe.sweep.get(RANDOM), on=on
            )

        self.say(f"Starting {card.name}{', a short test run' if quick else ''} …")
        self.gentui.in_thread(ready, start)

    def _edit(self, card: Card, answer: launch.Answer) -> None:
        """Open the form of all settings."""

        def open_form(recipe: Recipe) -> None:
            self.app.push_screen(navigation.create("form", recipe, label=answer.name, place=answer.place))

        if answer.recipe is not None:
            open_form(answer.recipe)
        else:
            self.gentui.in_thread(lambda: _load(card.name), open_form)

    async def action_edit(self) -> None:
        if (card := self._usable_card()) is not None and card.recipe is not None:
            await self.app.push_screen(
                navigation.create("form", card.recipe)
            )  # keys typed ahead belong to the form

    def show_recipe(self, name: str) -> None:
        """Put the cursor on a recipe, and clear a filter that hides it."""
        if not any(row.key == name for row in self.query_one(Table).rows):
            self.query_one(Filter).close()
            self.fill()
        self.query_one(Table).move_to(name)

    def action_best(self) -> None:
        card = self.card
        if card is not None and (best := self._best_of(card)) is not None:
            self.gentui.open_run(best.run)
        else:
            self.say("No score of yours for this recipe yet.")

    def action_back(self) -> None:
        self.say("")
        super().action_back()


def _load(name: str) -> Recipe:
    from engine.recipes import recipe as recipes

    return recipes.load(recipes.find_recipe(name))
