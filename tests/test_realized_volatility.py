"""Realised volatility: what is measured, what of it is known at a row, and labels that are the same a horizon later.

A measure that is off by a row, a factor or a night trains as well as the right one, and every comparison is then wrong.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_tables import case_of, random_walk, small_experiment
from gatewise.config.load import load_config
from gatewise.config.target_section import RealizedVolatilityConfig
from gatewise.data.market.sessions import sessions
from gatewise.data.table import Table
from gatewise.errors import ConfigError, NotEnoughRowsError, QualityError, SchemaError
from gatewise.levels import still_rows
from gatewise.proofs.base import Parts
from gatewise.proofs.features import check_features, check_live_parity
from gatewise.proofs.labels import check_labels
from gatewise.samples import make_samples
from gatewise.targets.base import Labels
from gatewise.targets.history import History, make_history
from gatewise.targets.make import make_labels
from gatewise.targets.realized import RANGES, measure_periods

Numbers = npt.NDArray[np.float64]
MINUTE = timedelta(minutes=1)
ROW_MEASURES = ("returns", "range", "column")


def target(**fields: Any) -> RealizedVolatilityConfig:
    column = {"column": "rv"} if fields.get("measure") == "column" else {}
    return RealizedVolatilityConfig(**{"horizon": 3} | column | fields)


def bars(
    rows: int, seed: int = 0, *, step: timedelta = MINUTE, missing: tuple[int, ...] = (), skipped: int = 0
) -> Table:
    """A walk's bars, and a column `rv` that has nothing to do with them; `skipped` rows are absent in the middle."""
    rng = np.random.default_rng(seed)
    path = np.cumsum(rng.normal(0, 1e-3, (rows, 4)), axis=1) + np.cumsum(rng.normal(0, 1e-3, rows))[:, None]
    columns = {
        "open": path[:, 0],
        "high": path.max(axis=1) + 1e-4,
        "low": path.min(axis=1) - 1e-4,
        "close": path[:, 3],
    }
    columns = {name: 50 * np.exp(values) for name, values in columns.items()} | {"rv": rng.lognormal(-9, 1, rows)}
    for row in missing:
        columns["close"][row] = columns["rv"][row] = np.nan
    late = np.arange(rows) + 1 + np.where(np.arange(rows) >= rows // 2, skipped, 0)
    times = [datetime(2024, 1, 1, tzinfo=UTC) + int(n) * step for n in late]
    frame = pl.DataFrame({"symbol": ["A"] * rows, "time": times, **columns}).with_columns(
        pl.col("time").cast(pl.Datetime("us", "UTC")), pl.selectors.float().fill_nan(None)
    )
    return Table(frame, step, step)


def variance_of_row(columns: dict[str, Numbers], t: int, spec: RealizedVolatilityConfig) -> float:
    """NaN where something is missing; a return is of two rows."""
    opened, high, low, close = (columns[name][t] for name in ("open", "high", "low", "close"))
    if spec.measure == "returns":
        return math.log(close / columns["close"][t - 1]) ** 2 if t else math.nan
    if spec.measure == "column":
        return columns["rv"][t] if spec.holds == "variance" else columns["rv"][t] ** 2
    if spec.range == "parkinson":
        return math.log(high / low) ** 2 / (4 * math.log(2))
    if spec.range == "garman_klass":
        return 0.5 * math.log(high / low) ** 2 - (2 * math.log(2) - 1) * math.log(close / opened) ** 2
    return math.log(high / opened) * math.log(high / close) + math.log(low / opened) * math.log(low / close)


def slow(table: Table, spec: RealizedVolatilityConfig) -> tuple[Numbers, list[tuple[float, int] | None]]:
    """Row by row in plain Python: means [rows, 3], and (label, known_at) or None."""
    columns = {name: table.frame[name].to_numpy() for name in table.columns}
    start, horizon, rows = table.segment_start, spec.horizon, table.num_rows
    variance = [variance_of_row(columns, t, spec) for t in range(rows)]
    if spec.measure == "returns":
        variance = [math.nan if start[t] == t else value for t, value in enumerate(variance)]

    def mean(last: int, count: int) -> float:
        first = last - count + 1
        if first < 0 or start[first] != start[last]:
            return math.nan
        total = sum(variance[first : last + 1])
        return total / count * (horizon if spec.measure == "returns" else 1)

    means = np.array([[mean(t, span * horizon) for span in (1, 5, 22)] for t in range(rows)])
    means[np.isnan(means).any(axis=1)] = math.nan
    labels: list[tuple[float, int] | None] = []
    for t in range(rows):
        ahead = mean(t + horizon, horizon) if t + horizon < rows and start[t + horizon] == start[t] else math.nan
        there = ahead > 0 and not math.isnan(means[t, 2])
        labels.append((math.log(math.sqrt(ahead)), t + horizon) if there else None)
    return means, labels


specs = st.builds(
    target,
    measure=st.sampled_from(ROW_MEASURES),
    horizon=st.integers(1, 4),
)


@settings(max_examples=25)
@given(
    spec=specs,
    seed=st.integers(0, 2**32 - 1),
    skipped=st.sampled_from([0, 30]),
    missing=st.lists(st.integers(0, 259), max_size=1),
)
def test_labels_and_history_are_those_of_a_plain_loop(
    spec: RealizedVolatilityConfig, seed: int, skipped: int, missing: list[int]
) -> None:
    table = bars(260, seed, skipped=skipped, missing=tuple(missing))
    means, expected = slow(table, spec)
    if not any(expected):
        with pytest.raises(NotEnoughRowsError):
            make_labels(table, spec)
        return
    labels = make_labels(table, spec)
    assert labels.history is not None
    np.testing.assert_allclose(labels.history.means, means, rtol=1e-9)
    np.testing.assert_array_equal(labels.known_at, [-1 if one is None else one[1] for one in expected])
    np.testing.assert_array_equal(labels.valid, labels.known_at >= 0)
    np.testing.assert_allclose(labels.y[:, 0], [0 if one is None else one[0] for one in expected], rtol=1e-9)


@pytest.mark.parametrize("fields", [{"range": name, "measure": "range"} for name in RANGES] + [
    {"measure": "column", "holds": "volatility"}
])  # fmt: skip
def test_every_measure_of_a_row_is_its_formula(fields: dict[str, Any]) -> None:
    table, spec = bars(30), target(**fields)
    columns = {name: table.frame[name].to_numpy() for name in table.columns}
    expected = [variance_of_row(columns, t, spec) for t in range(30)]
    np.testing.assert_allclose(measure_periods(table, spec).variance, expected, rtol=1e-10)


@pytest.fixture(scope="module")
def walks() -> Numbers:
    """Logs of 4,000 bars' prices over their open, [bars, steps], of variance 1 a bar."""
    return np.cumsum(np.random.default_rng(1).normal(0, 500**-0.5, (4_000, 500)), axis=1)


@pytest.mark.parametrize("name", RANGES)
def test_a_bars_range_says_the_variance_of_a_walk_without_bias(name: str, walks: Numbers) -> None:
    # Broadie, Glasserman & Kou (1997): extremes between steps lie 0.5826 standard deviations of a step further out.
    beyond = 0.5826 * walks.shape[1] ** -0.5
    high, low = np.maximum(walks.max(axis=1), 0) + beyond, np.minimum(walks.min(axis=1), 0) - beyond
    variance = RANGES[name](high, low, walks[:, -1])
    assert abs(variance.mean() - 1) < 4 * variance.std() / math.sqrt(variance.size)
    # Of a squared return it varies by 2; the papers' efficiencies are 4.9, 7.4 and 6.
    assert 2 / variance.var() > {"parkinson": 4.4, "garman_klass": 6.5, "rogers_satchell": 5.4}[name]


def days(count: int, per_day: int = 24, seed: int = 0, *, without: tuple[int, ...] = ()) -> Table:
    """`count` days of `per_day` rows, of which some are absent."""
    table = bars(count * per_day, seed, step=timedelta(days=1) / per_day)
    kept = np.setdiff1d(np.arange(table.num_rows), without)
    return replace(table, frame=table.frame[kept], gap_tolerance=3 * table.timeframe)


def test_a_days_variance_is_that_of_its_rows_and_its_label_the_next_ones() -> None:
    table, spec = days(30), target(measure="day", horizon=1)
    opened, close = table.frame["open"].to_numpy(), table.frame["close"].to_numpy()
    expected = []
    for day in range(1, 30):
        first = 24 * day
        returns = [math.log(close[first] / opened[first])]
        returns += [math.log(close[t] / close[t - 1]) for t in range(first + 1, first + 24)]
        expected.append(sum(r * r for r in returns))
    labels = make_labels(table, spec)
    rows = np.flatnonzero(labels.valid)
    # Day 0 has no row before it, so days 1 to 22 are the first 22; labels are of days 23 to 29, on the day before.
    assert rows.tolist() == [24 * (day + 1) - 1 for day in range(22, 29)]
    assert labels.known_at[rows].tolist() == [24 * (day + 1) - 1 for day in range(23, 30)]
    np.testing.assert_allclose(np.exp(2 * labels.y[rows, 0]), expected[22:], rtol=1e-12)
    assert labels.history is not None
    means = labels.history.means
    np.testing.assert_allclose(means[24 * 23 - 1], [expected[21], np.mean(expected[17:22]), np.mean(expected[:22])])
    # Within a day, what the last whole one was; with its last row, its own.
    np.testing.assert_array_equal(means[24 * 23 : 24 * 24 - 1], np.tile(means[24 * 23 - 1], (23, 1)))
    np.testing.assert_allclose(means[24 * 24 - 1, 0], expected[22])


def test_a_day_without_its_last_row_is_known_with_the_next_row_and_predicts_nothing() -> None:
    whole = make_labels(days(30), target(measure="day", horizon=1))
    labels = make_labels(days(30, without=(24 * 25 - 1,)), target(measure="day", horizon=1))
    assert whole.valid.sum() == labels.valid.sum() + 1
    before = 24 * 24 - 1  # the row that ends day 23, whose label is of day 24
    assert whole.known_at[before] == 24 * 25 - 1
    assert labels.known_at[before] == 24 * 25 - 1, "a row less, so the first row of day 25"
    assert labels.history is not None
    assert np.isfinite(labels.history.means[24 * 25 - 1]).all()


def test_sessions_of_an_exchange_end_early_on_half_days_and_count_no_night() -> None:
    pytest.importorskip("exchange_calendars")
    first, last = (int(datetime(2024, month, 1, tzinfo=UTC).timestamp()) * 1_000_000 for month in (10, 12))
    market, step = sessions("XNYS", first, last), 1_800_000_000
    inside = (market.open_us > first) & (market.open_us < last)
    times = [
        time
        for opened, closed in zip(market.open_us[inside].tolist(), market.close_us[inside].tolist(), strict=True)
        for time in range(opened + step, closed + 1, step)
    ]
    made = bars(len(times)).frame.with_columns(
        time=pl.Series(times).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    )
    table = Table(made, 30 * MINUTE, 30 * MINUTE, calendar="XNYS")
    labels = make_labels(table, target(measure="day", horizon=1))
    row = np.flatnonzero(labels.valid)[-1]
    known = int(labels.known_at[row])
    # The day before Thanksgiving, and the Friday after it, which closes at 13:00 in New York.
    assert [table.frame["time"][at].strftime("%d %H:%M") for at in (int(row), known)] == ["27 21:00", "29 18:00"]
    opened, close = (table.frame[name].to_numpy()[known - 6 : known + 1] for name in ("open", "close"))
    expected = math.log(close[0] / opened[0]) ** 2 + np.square(np.diff(np.log(close))).sum()
    assert math.exp(2 * labels.y[row, 0]) == pytest.approx(expected)


def test_days_with_a_gap_before_each_are_told_of_calendars_and_one_horizon_is_not_to_be_lowered() -> None:
    nights = tuple(hour for hour in range(24 * 40) if hour % 24 > 8)
    table = replace(days(40, without=nights), gap_tolerance=timedelta(hours=1))
    with pytest.raises(NotEnoughRowsError) as refused:
        make_labels(table, target(measure="day", horizon=1))
    assert "data.calendar=" in refused.value.hint
    assert "lower" not in refused.value.hint
    with pytest.raises(NotEnoughRowsError) as refused:
        make_labels(table, target(measure="returns", horizon=2))
    assert "lower target.horizon, or raise data.gap_tolerance" in refused.value.hint


def test_several_symbols_keep_apart() -> None:
    one, two = bars(120, 1), bars(120, 2)
    both = one.with_frame(pl.concat([one.frame, two.frame.with_columns(symbol=pl.lit("B"))]))
    labels = make_labels(both, target())
    for place, alone in enumerate((one, two)):
        of_symbol = make_labels(alone, target())
        here = slice(120 * place, 120 * (place + 1))
        np.testing.assert_array_equal(labels.y[here], of_symbol.y)
        np.testing.assert_array_equal(labels.valid[here], of_symbol.valid)


def test_where_nothing_moves_there_is_no_label() -> None:
    table = bars(300)
    still = np.where((np.arange(300) >= 150) & (np.arange(300) < 160), table.frame["close"][149], table.frame["close"])
    labels = make_labels(table.with_frame(table.frame.with_columns(close=pl.Series(still))), target())
    quiet = set(range(149, 157)) | set(range(152, 160))  # nothing moves in the next three rows, or the last three
    assert not labels.valid[sorted(quiet)].any()
    assert labels.valid[[148, 160]].all()
    assert np.isfinite(labels.y).all()


def test_rows_in_which_nothing_moves_are_counted_in_a_remark() -> None:
    table = bars(300)
    still = np.where((np.arange(300) >= 150) & (np.arange(300) < 160), table.frame["close"][149], table.frame["close"])
    said = {"target.kind": "realized_volatility", "target.horizon": 3, "features.sets": [], "features.history": True}
    config = load_config(overrides=said | {"windows.sequence_length": 2})
    for close, words in ((still, "ends with 8 of 300 rows"), (table.frame["close"].to_numpy(), None)):
        samples = make_samples(config, table.with_frame(table.frame.with_columns(close=pl.Series(close))))
        remark = still_rows(samples)
        assert words in remark if words and remark else remark is None


@pytest.mark.parametrize(
    ("fields", "table", "error", "words"),
    [
        (
            {},
            lambda: bars(90).with_frame(bars(90).frame.drop("close")),
            SchemaError,
            "needs columns close; missing",
        ),
        ({"measure": "column", "column": "vr"}, lambda: bars(90), SchemaError, "missing: vr"),
        ({"measure": "day"}, lambda: bars(90, step=timedelta(days=1)), ConfigError, "adds up rows within a day"),
        (
            {},
            lambda: bars(90).with_frame(bars(90).frame.with_columns(close=pl.lit(-1.0))),
            QualityError,
            "above 0 and finite",
        ),
        (
            {"measure": "column"},
            lambda: bars(90).with_frame(bars(90).frame.with_columns(rv=pl.lit(-1.0))),
            QualityError,
            "must be 0 or more",
        ),
        ({}, lambda: bars(60), NotEnoughRowsError, "needs 70 rows"),
    ],
)
def test_rows_that_cannot_be_measured_are_refused(fields: Any, table: Any, error: Any, words: str) -> None:
    with pytest.raises(error) as refused:
        make_labels(table(), target(**fields))
    assert words in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"target.measure": "column"}, "target.column names none"),
        ({"target.column": "rv"}, 'target.column is of target.measure="column"'),
        ({"target.range": "parkinson"}, 'target.range is of target.measure="range"'),
        ({"target.horizons": [1, 5]}, "predicts one horizon"),
        ({"target.steps": 3}, "target.steps are of the columns of next_row"),
        ({"data.prices": "any"}, "takes logs of prices"),
        ({"training.class_weights": "balanced"}, "class_weights need classes"),
        ({"model.name": "logistic"}, "logistic predicts classes; this target is of volatility"),
        ({"training.loss": "pinball"}, "pinball is for quantiles"),
    ],
)
def test_settings_that_do_not_go_with_it_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(overrides={"target.kind": "realized_volatility"} | fields)
    assert words in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("kind", ["realized_volatility", "forward_return"])
def test_a_model_of_volatility_that_is_asked_for_quantiles_says_to_leave_them_out(kind: str) -> None:
    asked = {"target.kind": kind, "target.quantiles": [0.1, 0.9], "model.name": "har"}
    with pytest.raises(ConfigError) as refused:
        load_config(overrides=asked)
    assert "no target.quantiles" in refused.value.hint
    del asked["target.quantiles"]
    load_config(overrides=asked | {"target.kind": "realized_volatility"})


def test_history_can_be_all_that_is_read_and_nothing_at_all_is_told_of_it() -> None:
    said = {"target.kind": "realized_volatility", "features.sets": []}
    with pytest.raises(ConfigError) as refused:
        load_config(overrides=said)
    assert "features.history=true" in refused.value.hint
    load_config(overrides=said | {"features.history": True})


def test_history_is_a_feature_of_this_target_alone() -> None:
    with pytest.raises(ConfigError, match=r"target\.kind is direction"):
        load_config(overrides={"target.kind": "direction", "features.history": True})


def test_a_day_is_one_session_unless_more_are_said() -> None:
    said = {"target.kind": "realized_volatility", "target.measure": "day"}
    assert load_config(overrides=said).target.horizon == 1
    assert load_config(overrides=said | {"target.horizon": 5}).target.horizon == 5


MEASURED = {
    "returns": ({"target__horizon": 3}, random_walk(1_500, seed=2, symbols="AB", gaps=4, missing=4)),
    "range": ({"target__horizon": 3, "target__measure": "range"}, random_walk(1_500, seed=1)),
    "column": ({"target__horizon": 3, "target__measure": "column", "target__column": "volume"}, random_walk(1_500)),
    "day": (
        {"target__measure": "day", "target__horizon": 1},
        days(300, 6).with_frame(days(300, 6).frame.with_columns(volume=pl.lit(1.0))),
    ),
}


@pytest.mark.parametrize("measure", MEASURED)
def test_the_audit_passes_what_is_honest(measure: str) -> None:
    fields, table = MEASURED[measure]
    config = small_experiment(target__kind="realized_volatility", **volatility_experiment(fields))
    case = case_of(table, config=config)
    for check in (check_labels(case), check_features(case), check_live_parity(case)):
        assert check.passed, check.detail


def volatility_experiment(fields: dict[str, Any]) -> dict[str, Any]:
    return {"features__history": True, "features__sets": [], "target__volatility_rows": None} | fields


def tomorrow(table: Table, spec: RealizedVolatilityConfig) -> History:
    history = make_history(table, spec)
    return replace(history, means=np.concatenate([history.means[1:], history.means[-1:]]))


def forgetful(table: Table, spec: RealizedVolatilityConfig) -> History:
    return replace(make_history(table, spec), lookback=12)


@pytest.mark.parametrize(
    ("parts", "check", "words"),
    [
        (Parts(make_history=tomorrow), check_features, "log_vol_1"),
        (Parts(make_history=forgetful), check_live_parity, "not valid"),
        (
            Parts(make_labels=lambda table, spec: replace(make_labels(table, spec), history=tomorrow(table, spec))),
            check_labels,
            "the history at A 2024-01-0",
        ),
    ],
    ids=["features that know tomorrow", "a lookback that is too short", "a history that knows tomorrow"],
)
def test_a_history_that_leaks_is_caught(parts: Parts, check: Any, words: str) -> None:
    fields = volatility_experiment({"target__horizon": 3})
    honest = case_of(config=small_experiment(target__kind="realized_volatility", **fields))
    found = check(replace(honest, parts=parts))
    assert not found.passed
    assert words in found.detail


def test_a_label_that_is_known_sooner_than_it_can_be_is_caught() -> None:
    def early(table: Table, spec: RealizedVolatilityConfig) -> Labels:
        labels = make_labels(table, spec)
        return replace(labels, known_at=np.where(labels.valid, labels.known_at - 1, -1))

    fields = volatility_experiment({"target__horizon": 3})
    config = small_experiment(target__kind="realized_volatility", **fields)
    found = check_labels(case_of(config=config, parts=Parts(make_labels=early)))
    assert not found.passed
    assert "known at 2024-01-0" in found.detail
