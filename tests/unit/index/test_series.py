from __future__ import annotations

import math
import sqlite3

import numpy as np
import pytest

from gentui.index import Index, pyramid
from gentui.index.series import read as read_series
from gentui.metrics.smoothing import Smoothing, smooth
from tests.support.index import Log


def series_of(index: Index, run, steps, value, **log):
    Log(run, **log).start().metrics(steps, loss=value)
    index.refresh()


def test_a_short_series_is_given_point_for_point(index, make_run):
    run = make_run()
    series_of(index, run, range(1, 101), lambda s: s / 7)
    series = index.series(run.id, "loss", columns=150)
    assert series.points == 100
    assert series.x.tolist() == list(range(1, 101))
    assert (series.lo == series.hi).all() and np.allclose(series.lo, np.arange(1, 101) / 7)


@pytest.mark.parametrize("count", [151, 3000, 20_000, 40_000])
@pytest.mark.parametrize("where", [0.0, 0.3, 0.9999])
def test_a_spike_of_one_step_is_always_visible(index, make_run, count, where):
    run = make_run()
    at = 1 + int(where * (count - 1))
    series_of(index, run, range(1, count + 1), lambda s: 50.0 if s == at else -50.0 if s == at + 7 else 1.0)
    for columns in (37, 150):
        series = index.series(run.id, "loss", columns=columns)
        assert len(series.x) <= columns and series.points == count
        assert series.hi.max() == 50.0 and series.hi_x[series.hi.argmax()] == at
        if at + 7 <= count:
            assert series.lo.min() == -50.0 and series.lo_x[series.lo.argmin()] == at + 7


def test_every_bucket_holds_exactly_the_extremes_of_its_points(index, make_run):
    run = make_run()
    noise = np.random.default_rng(5).normal(size=30_001)
    series_of(index, run, range(1, 30_001), lambda s: float(noise[s]))
    series = index.series(run.id, "loss", columns=100)
    assert (np.diff(series.x) > 0).all()
    found = np.sort(np.concatenate([series.lo, series.hi]))
    raw = set(noise.tolist())
    assert all(value in raw for value in found.tolist())
    assert series.hi.max() == noise[1:].max() and series.lo.min() == noise[1:].min()
    assert np.average(series.mean) == pytest.approx(noise[1:].mean(), abs=0.02)
    assert (series.lo <= series.mean).all() and (series.mean <= series.hi).all()


def test_zooming_reads_only_the_range_and_raises_the_resolution(index, make_run):
    run = make_run()
    series_of(index, run, range(1, 40_001), lambda s: 9.0 if s in (20_100, 30_000) else float(s % 5))
    series = index.series(run.id, "loss", columns=150, lo=20_000, hi=20_140)
    assert series.points == 141 and series.x[0] == 20_000 and series.x[-1] == 20_140
    assert series.hi.max() == 9.0 and series.hi_x[series.hi.argmax()] == 20_100
    assert index.series(run.id, "loss", lo=1e9).points == 0
    assert index.series(run.id, "loss", lo=30, hi=20).points == 0


def test_nan_and_infinity_are_marked_and_leave_a_gap(index, make_run):
    run = make_run()
    values = {50: math.nan, 51: math.inf, 52: -math.inf}
    series_of(index, run, range(1, 101), lambda s: values.get(s, 1.0))
    series = index.series(run.id, "loss")
    assert series.marks.tolist() == [50, 51, 52]
    assert np.isnan(series.lo[49:52]).all() and np.isnan(series.hi[49:52]).all()
    assert np.isfinite(series.lo[[48, 52]]).all()


def test_non_finite_stretches_are_gaps_in_reduced_charts_too(index, make_run):
    run = make_run()
    series_of(index, run, range(1, 20_001), lambda s: math.nan if 5000 <= s < 10_000 or s == 15_000 else 2.0)
    series = index.series(run.id, "loss", columns=100)
    inside = (series.x > 5200) & (series.x < 9800)
    assert np.isnan(series.lo[inside]).all() and inside.sum() > 20
    assert np.isfinite(series.lo[(series.x > 10_200)]).all()
    assert 15_000 in series.marks and 5000 in series.marks
    assert series.points == 20_000


def test_axes_of_time_images_and_epochs_map_steps_by_the_log_clocks(index, make_run):
    run = make_run()
    series_of(index, run, range(1, 501), float)
    assert index.series(run.id, "loss", axis="images").x[-1] == pytest.approx(500 * 8, abs=20)
    assert index.series(run.id, "loss", axis="time").x[-1] == pytest.approx(500, abs=3)
    assert index.series(run.id, "loss", axis="epoch").x[-1] == pytest.approx(50, abs=0.5)
    zoomed = index.series(run.id, "loss", axis="time", lo=100, hi=120)
    assert zoomed.points == pytest.approx(21, abs=2) and zoomed.x[0] == pytest.approx(100, abs=1)
    with pytest.raises(ValueError, match="unknown axis"):
        index.series(run.id, "loss", axis="moon")


def test_clocks_stay_true_over_a_long_run_and_a_pause(index, make_run):
    run = make_run()
    log = Log(run).start()
    log.metrics(range(1, 10_001), loss=float)
    log.began += 50_000  # suspended for fourteen hours
    log.metrics(range(10_001, 20_001), loss=float)
    index.refresh()
    x = index.series(run.id, "loss", columns=200, axis="time").x
    assert (np.diff(x) > 0).all()
    assert x[0] == pytest.approx(0, abs=200) and x[-1] == pytest.approx(70_000, abs=200)
    assert not ((x > 12_000) & (x < 58_000)).any()


def test_an_unknown_metric_or_run_gives_an_empty_chart(index, make_run):
    run = make_run()
    assert index.series(run.id, "loss").points == 0  # no index yet
    index.refresh()
    assert index.series(run.id, "loss").points == 0
    assert index.series("nobody", "loss").x.size == 0


def test_the_pyramid_depends_on_the_points_alone(tmp_path):
    """However points arrive, in whatever portions and order, the buckets are those of a fresh build."""
    rng = np.random.default_rng(11)
    for trial in range(12):
        steps = np.unique(rng.integers(0, [300, 5000, 2_000_000][trial % 3], size=800))
        values = rng.normal(size=len(steps)) * 10.0 ** rng.integers(-3, 300, size=len(steps))
        values[rng.random(len(steps)) < 0.05] = np.nan
        values[rng.random(len(steps)) < 0.02] = np.inf
        order = np.arange(len(steps))
        if trial % 2:
            rng.shuffle(order)
        whole, portions = (connection() for _ in range(2))
        pyramid.add_points(whole, 1, -1, steps.tolist(), values.tolist())
        last, at = -1, 0
        while at < len(order):
            part = order[at : at + int(rng.integers(1, 60))]
            last = pyramid.add_points(portions, 1, last, steps[part].tolist(), values[part].tolist())
            at += len(part)
        assert rows_of(whole) == rows_of(portions)
        cut = int(steps[len(steps) // 2])
        assert pyramid.truncate(portions, 1, cut) == cut
        fresh = connection()
        keep = steps <= cut
        pyramid.add_points(fresh, 1, -1, steps[keep].tolist(), values[keep].tolist())
        assert rows_of(fresh) == rows_of(portions)


def test_a_step_logged_again_replaces_its_value_everywhere(tmp_path):
    db = connection()
    pyramid.add_points(db, 1, -1, list(range(1000)), [1.0] * 500 + [99.0] + [1.0] * 499)
    pyramid.add_points(db, 1, 999, [500], [2.0])
    assert db.execute("SELECT max(hi) FROM pyramid").fetchone() == (2.0,)
    assert db.execute("SELECT sum(n) FROM pyramid WHERE level = 6").fetchone() == (1000,)


def connection() -> sqlite3.Connection:
    from sqlite_utils import Database

    from gentui.index.schema import migrations

    db = Database(memory=True)
    migrations.apply(db)
    return db.conn


def rows_of(db: sqlite3.Connection):
    return [db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall() for table in ("points", "pyramid")]


def test_scores_are_charted_under_one_protocol_on_any_axis(index, make_run):
    run = make_run()
    log = Log(run).start().metrics(range(1, 101), loss=float)
    log.score(50, 9.0).score(100, 7.0).score(100, 70.0, protocol="another").score(100, 0.5, metric="ssim")
    index.refresh()
    series = index.score_series(run.id, "fid")
    assert (series.x.tolist(), series.lo.tolist(), series.points) == ([50, 100], [9, 7], 2)
    assert index.score_series(run.id, "fid", "images").x == pytest.approx([400, 800])
    assert index.score_series(run.id, "fid", "epoch").x == pytest.approx([5, 10])
    assert index.score_series(run.id, "nothing").points == 0
    log.score(60, math.nan)
    index.refresh()
    series = index.score_series(run.id, "fid")
    assert np.isnan(series.lo[1]) and series.marks.tolist() == [60]


def test_scores_of_two_runs_are_charted_under_the_protocol_of_one(index, make_run):
    one, other = make_run(), make_run()
    Log(one).start().metrics(range(1, 11), loss=float).score(5, 9.0).score(10, 8.0)
    log = Log(other).start().metrics(range(1, 11), loss=float)
    log.score(5, 3.0, protocol="another").score(10, 2.0, protocol="another").score(10, 7.0)
    index.refresh()
    assert index.score_series(other.id, "fid").lo.tolist() == [3, 2]
    assert index.score_series(other.id, "fid", like=one.id).lo.tolist() == [7]


def test_the_ends_of_a_run_are_known_on_every_axis(index, make_run):
    run = make_run()
    assert index.extent(run.id) is None
    log = Log(run).start()
    log.metrics(range(5, 501), loss=float).metrics(range(3, 9), other=float)
    index.refresh()
    assert index.extent(run.id) == (3, 500)
    assert index.extent(run.id, "epoch") == pytest.approx((0.3, 50))
    assert index.extent(run.id, "images")[1] == pytest.approx(4000, abs=20)
    assert index.extent("nobody") is None


def test_columns_stay_in_their_places_while_a_series_grows(index, make_run):
    run = make_run()
    log = Log(run).start().metrics(range(1, 20_001), loss=lambda s: float(s % 7))
    index.refresh()
    before = index.series(run.id, "loss", columns=100, lo=1, hi=20_480)
    log.metrics(range(20_001, 20_301), loss=lambda s: float(s % 7))
    index.refresh()
    after = index.series(run.id, "loss", columns=100, lo=1, hi=20_480)
    whole = len(before.x) - 1  # the last column was not full
    assert after.points == 20_300 and whole > 90
    assert (after.x[:whole] == before.x[:whole]).all() and (after.mean[:whole] == before.mean[:whole]).all()
    assert index.series(run.id, "loss", columns=100, lo=1, hi=1e12).points == 20_300


def two_series(index, run, count, loss, other):
    log = Log(run).start()
    log.metrics(range(1, count + 1), loss=loss, lr=other)
    index.refresh()


def test_a_metric_is_the_axis_of_another(index, make_run):
    run = make_run()
    two_series(index, run, 100, float, lambda s: 1 / s)
    series = index.series(run.id, "loss", axis="metric:lr")
    assert series.points == 100 and np.allclose(series.x, 1 / np.arange(1, 101))
    assert series.lo.tolist() == list(range(1, 101)), "in the order of the steps, though the axis goes back"
    assert index.extent(run.id, "metric:lr") == (0.01, 1.0)
    some = index.series(run.id, "loss", axis="metric:lr", lo=0.05, hi=0.1)
    assert {10.0, 15.0, 20.0} <= set(some.lo.tolist())
    for absent in ("metric:beta", "metric:"):
        assert index.series(run.id, "loss", axis=absent).points == 0 and index.extent(run.id, absent) is None


def test_a_metric_as_axis_zooms_to_every_single_point(index, make_run):
    run = make_run()
    two_series(index, run, 40_000, lambda s: 9.0 if s == 20_100 else 1.0, lambda s: s * 1e-3)
    whole = index.series(run.id, "loss", columns=100, axis="metric:lr")
    assert len(whole.x) <= 100 and whole.hi.max() == 9.0 and whole.points == 40_000
    assert whole.hi_x[whole.hi.argmax()] == pytest.approx(20.1, abs=0.4), "to a column"
    near = index.series(run.id, "loss", columns=150, lo=20.05, hi=20.15, axis="metric:lr")
    at = near.hi.argmax()
    assert near.hi[at] == 9.0 and near.x[at] == pytest.approx(20.1, abs=2e-3) and near.points < 1000
    between = index.series(run.id, "loss", columns=150, lo=20.0501, hi=20.0502, axis="metric:lr")
    assert between.points > 1, "a stretch between two points has those on both of its sides"


@pytest.mark.parametrize("count", [60, 20_000])
def test_an_axis_that_goes_up_and_down_and_has_gaps_is_followed(index, make_run, count):
    run = make_run()
    values = {7: math.nan, 9: math.inf}
    two_series(index, run, count, float, lambda s: values.get(s, abs(s - count // 2) * 1.0))
    series = index.series(run.id, "loss", columns=80, axis="metric:lr")
    assert np.isfinite(series.x).all() and series.points == count
    turn = series.x.argmin()
    assert (np.diff(series.x[:turn]) < 0).all() and (np.diff(series.x[turn:]) > 0).all()
    ends = index.extent(run.id, "metric:lr")
    assert ends == (0.0, count / 2) and series.x.min() >= 0 and series.x.max() <= count / 2
    seen = index.series(run.id, "loss", columns=80, lo=count / 4, hi=count, axis="metric:lr")
    assert seen.lo.min() < count / 4 and seen.hi.max() > count * 3 / 4, "both branches are in the window"


def test_an_axis_that_was_never_finite_has_nothing_along_it(index, make_run):
    run = make_run()
    two_series(index, run, 50, float, lambda s: math.nan)
    assert index.series(run.id, "loss", axis="metric:lr").points == 0
    assert index.extent(run.id, "metric:lr") is None


def noisy_fall(step: int) -> float:
    return 3 * math.exp(-step / 3000) + math.sin(step * 12.9898) * 0.5


@pytest.mark.parametrize("kind", ["ema", "window"])
@pytest.mark.parametrize("weight", [0.6, 0.97, 0.999])
def test_smoothing_is_the_same_at_every_width_and_zoom(index, make_run, kind, weight):
    """A column holds the mean of the smoothed values of its steps, however wide it is and wherever the range begins."""
    run, count = make_run(), 20_000
    smoothing = Smoothing(weight, kind)
    series_of(index, run, range(1, count + 1), noisy_fall)
    values = np.array([noisy_fall(step) for step in range(1, count + 1)])
    exact = smooth(values, np.ones(count), smoothing)
    for columns, lo, hi, most in (
        (60, None, None, 0.08), (150, None, None, 0.08),  # columns begin and end with a bucket of 64 steps
        (150, 9_000, 13_000, 0.03), (100, 10_001, 10_090, 0.002),
    ):  # fmt: skip
        series = index.series(run.id, "loss", columns, lo, hi, smoothing=smoothing)
        width = series.x[1] - series.x[0]
        for x, value in zip(series.x[:-1], series.smooth[:-1], strict=True):
            steps = np.arange(max(1, math.ceil(x - width / 2)), min(count, math.floor(x + width / 2)) + 1)
            assert abs(value - exact[steps - 1].mean()) < most
        last = min(hi or count, count) - 1
        assert series.last_smooth == pytest.approx(exact[last], abs=0.001)
        assert series.last == values[last] and series.spacing < 1.5


def test_smoothing_reads_a_bounded_part_of_a_million_steps(tmp_path):
    db = connection()
    steps = list(range(1, 1_000_001, 8))
    pyramid.add_points(db, 1, -1, steps, [noisy_fall(step) for step in steps])
    db.execute("INSERT INTO series VALUES (1, 'run', 'loss', ?)", (steps[-1],))
    read: list[int] = []
    db.set_progress_handler(lambda: read.append(1), 1000)  # None goes on
    for lo, hi in ((None, None), (500_000, 500_400), (500_000, 700_000)):
        for smoothing in (Smoothing(0.97), Smoothing(0.999), Smoothing(0.999, "window")):
            read.clear()
            found = read_series(db, "run", "loss", 150, lo, hi, "step", smoothing)
            assert found.smooth is not None and np.isfinite(found.smooth).all()
            assert found.spacing == pytest.approx(8, 0.1)
            assert len(read) < 1200, (
                "thousands of the database's instructions, of ten million for all the points"
            )
