"""Laws of features on longer bars: a row sees the last bar that has closed, whole, and nothing of the one still open.

Joined on its open, a bar of an hour hands 59 minutes of its own future to each of its rows, and every metric shines.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_tables import case_of, small_experiment
from audit_tables import random_walk as audited_walk
from conftest import TINY, Cli
from feature_tables import MINUTE, random_walk, table_of
from gatewise.bundle import Bundle
from gatewise.config.schema import FeatureConfig
from gatewise.data.load import load_table
from gatewise.data.steps.resample import complete_bars
from gatewise.data.table import Table
from gatewise.errors import ConfigError, DataError, NotEnoughRowsError
from gatewise.features import timeframes
from gatewise.features.base import FeatureMatrix
from gatewise.features.build import build_features, resolve_features
from gatewise.features.evaluate import evaluate
from gatewise.features.sets import SETS
from gatewise.proofs import Parts
from gatewise.proofs.features import check_features, check_live_parity

OHLCV = ("open", "high", "low", "close", "volume")
HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
FIVE = FeatureConfig(sets=("ticker",), timeframes=(5 * MINUTE,))
MARKET = FeatureConfig(sets=("market39",), timeframes=(5 * MINUTE,))


def bars_before(rows: pl.DataFrame, step: timedelta) -> pl.DataFrame:
    """The definition: bars of the clock that have closed by the last of `rows` and began after their first began."""
    ends = pl.col("time").dt.offset_by("-1us").dt.truncate(step) + step
    first, last = rows["time"][0] - MINUTE, rows["time"][-1]
    return (
        rows.group_by(ends.alias("end"), maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
        )
        .filter(pl.col("end") <= last, pl.col("end") - step >= first)
        .rename({"end": "time"})
    )


def live(
    table: Table, row: int, spec: FeatureConfig, lookback: int
) -> tuple[bool, np.ndarray[tuple[int], np.dtype[np.float32]]]:
    """What a buffer of the last `lookback` rows says about its newest row."""
    begin = max(row - lookback + 1, 0)
    try:
        matrix = build_features(table.with_frame(table.frame.slice(begin, row + 1 - begin)), spec)
    except DataError:  # no row with its whole lookback, or a column without any value
        return False, np.empty(0, np.float32)
    return bool(matrix.valid[-1]), matrix.values[-1]


@pytest.mark.parametrize("minutes", [2, 5, 15])
def test_a_row_sees_the_features_of_the_bars_that_have_closed(minutes: int) -> None:
    step = minutes * MINUTE
    table = table_of(random_walk(170 * minutes), start=table_of(random_walk(1)).frame["time"][0] + 7 * MINUTE)
    matrix = build_features(table, FeatureConfig(sets=("market39",), timeframes=(step,)))
    assert matrix.lookback == 104 * minutes + minutes - 1
    assert matrix.valid.tolist() == [row >= matrix.lookback - 1 for row in range(table.num_rows)]
    features = SETS["market39"](OHLCV, step)
    assert matrix.names[39:] == tuple(f"{feature.name}_{minutes}m" for feature in features)
    for row in range(matrix.lookback - 1, table.num_rows, 7):
        wanted = evaluate(features, bars_before(table.frame[: row + 1], step)).row(-1)
        np.testing.assert_allclose(matrix.values[row, 39:], np.array(wanted, np.float32), rtol=1e-6, atol=1e-9)


def test_the_rows_own_features_are_what_they_are_without_longer_bars() -> None:
    table = table_of(random_walk(900))
    plain, both = build_features(table, FeatureConfig()), build_features(table, MARKET)
    assert both.names[:39] == plain.names
    np.testing.assert_array_equal(both.values[both.valid, :39], plain.values[both.valid])


def test_lookbacks_are_counted_in_rows() -> None:
    features = resolve_features(FeatureConfig(timeframes=(5 * MINUTE, HOUR)), OHLCV, MINUTE)
    lookback = {feature.name: feature.lookback for feature in features}
    assert lookback["rsi_14"] == 15
    assert lookback["rsi_14_5m"] == 15 * 5 + 4
    assert lookback["macd_histogram_1h"] == 104 * 60 + 59
    assert len(lookback) == 3 * 39


@settings(max_examples=10, deadline=None)
@given(
    steps=st.lists(st.sampled_from([1, 1, 1, 1, 2, 3, 8]), min_size=50, max_size=110),
    gaps=st.sets(st.integers(0, 110), max_size=2),
    missing=st.sets(st.integers(0, 110), max_size=3),
    tolerance=st.sampled_from([1, 3, 8]),
    start=st.integers(0, 6),
)
def test_a_buffer_of_the_lookback_gives_what_the_whole_series_gives_to_the_last_bit(
    steps: list[int], gaps: set[int], missing: set[int], tolerance: int, start: int
) -> None:
    walk = table_of(random_walk(len(steps)))
    offsets = start + np.cumsum([step + 20 * (place in gaps) for place, step in enumerate(steps)])
    time = [walk.frame["time"][0] + int(offset) * MINUTE for offset in offsets]
    holed = pl.int_range(pl.len()).is_in(sorted(missing))
    frame = walk.frame.with_columns(
        pl.Series("time", time).cast(pl.Datetime("us", "UTC")),
        pl.when(holed).then(None).otherwise(pl.col("close")).alias("close"),
    )
    table = Table(frame, MINUTE, tolerance * MINUTE)
    spec = FeatureConfig(sets=("ohlcv",), timeframes=(3 * MINUTE, 5 * MINUTE))
    lookback = max(feature.lookback for feature in resolve_features(spec, OHLCV, MINUTE))
    try:
        matrix = build_features(table, spec)
    except NotEnoughRowsError:
        matrix = FeatureMatrix(np.zeros((table.num_rows, 15), np.float32), np.zeros(table.num_rows, bool), (), lookback)
    for row in range(table.num_rows):
        valid, values = live(table, row, spec, lookback)
        assert valid == matrix.valid[row], f"row {row}"
        if valid:
            np.testing.assert_array_equal(values, matrix.values[row])


def test_computed_features_of_a_buffer_are_those_of_the_series_at_every_phase_of_the_bar() -> None:
    columns = random_walk(1200, seed=3)
    columns["volume"][700] = np.nan
    table = table_of(columns, gaps_after=[100])
    matrix = build_features(table, MARKET)
    rows = np.flatnonzero(matrix.valid)
    assert {int(table.time_us[row] // 60_000_000 % 5) for row in rows[:5]} == set(range(5))
    assert len(rows) > 50
    for row in [*rows[:6].tolist(), *rows[-6:].tolist()]:
        valid, values = live(table, row, MARKET, matrix.lookback)
        assert valid
        np.testing.assert_array_equal(values, matrix.values[row])


def test_one_row_less_than_the_lookback_is_too_little_where_a_bar_is_about_to_close() -> None:
    table = table_of(random_walk(400))
    matrix = build_features(table, FIVE)
    row = next(row for row in range(300, 310) if table.time_us[row] // 60_000_000 % 5 == 4)
    assert live(table, row, FIVE, matrix.lookback)[0]
    assert not live(table, row, FIVE, matrix.lookback - 1)[0]


def test_bars_stand_on_the_clock_whatever_row_the_table_starts_with() -> None:
    table = table_of(random_walk(700))
    whole = build_features(table, FIVE)
    for cut in (1, 2, 3, 4, 77):
        part = build_features(table.with_frame(table.frame[cut:]), FIVE)
        both = part.valid & whole.valid[cut:]
        assert both[whole.lookback - 1 :].all()
        np.testing.assert_array_equal(part.values[both], whole.values[cut:][both])


@pytest.mark.parametrize("cut", [400, 401, 402, 403, 404])
def test_rows_later_than_a_row_change_nothing_of_it(cut: int) -> None:
    columns = random_walk(700)
    clean = build_features(table_of(columns), FIVE)
    for name in OHLCV:
        columns[name] = np.where(np.arange(700) > cut, columns[name] * 3, columns[name])
    other = build_features(table_of(columns), FIVE)
    np.testing.assert_array_equal(clean.values[: cut + 1], other.values[: cut + 1])
    assert (clean.values[cut + 1 :] != other.values[cut + 1 :]).any()


def test_a_bar_is_used_from_its_close_on_and_no_row_earlier() -> None:
    columns = random_walk(60)
    table = table_of(columns)
    matrix = build_features(table, FeatureConfig(sets=("ohlcv",), timeframes=(5 * MINUTE,)))
    close = matrix.values[:, matrix.names.index("close_5m")]
    # Row 0 closes at 00:00 and so is the last of its bar; rows 1 to 5 make the next one.
    np.testing.assert_array_equal(close[10:15], np.full(5, columns["close"][10]))
    assert close[15] == columns["close"][15]
    assert close[14] != columns["close"][14]


def test_symbols_and_gaps_are_never_crossed() -> None:
    one, other = table_of(random_walk(400), gaps_after=[180]), table_of(random_walk(300, seed=9), symbol="Y")
    both = build_features(one.with_frame(pl.concat([one.frame, other.frame])), FIVE)
    apart = [build_features(table, FIVE) for table in (one, other)]
    np.testing.assert_array_equal(both.values, np.concatenate([matrix.values for matrix in apart]))
    np.testing.assert_array_equal(both.valid, np.concatenate([matrix.valid for matrix in apart]))
    assert not both.valid[181 : 181 + both.lookback - 1].any()
    assert both.valid[181 + both.lookback - 1 : 400].all()


def test_a_row_whose_last_closed_bar_is_stale_is_invalid() -> None:
    """A step of 12 minutes is no gap here, but between its rows a bar of five minutes is absent."""
    table = table_of(random_walk(60))
    later = pl.when(pl.int_range(pl.len()) >= 41).then(pl.col("time") + 11 * MINUTE).otherwise(pl.col("time"))
    holed = Table(table.frame.with_columns(later.alias("time")), MINUTE, 15 * MINUTE)
    matrix = build_features(holed, FeatureConfig(sets=("ohlcv",), timeframes=(5 * MINUTE,)))
    closes = holed.time_us // 60_000_000 - holed.time_us[0] // 60_000_000
    assert closes[40:45].tolist() == [40, 52, 53, 54, 55]
    assert matrix.valid[9:].tolist() == [row not in (41, 42, 43) for row in range(9, 60)]


def test_rows_that_step_by_less_than_the_timeframe_never_differ_from_their_buffer() -> None:
    rng = np.random.default_rng(4)
    table = table_of(random_walk(300))
    seconds = np.cumsum(rng.choice([60, 60, 60, 30, 15], 300))
    time = pl.Series("time", [table.frame["time"][0] + timedelta(seconds=int(s)) for s in seconds])
    odd = Table(table.frame.with_columns(time.cast(pl.Datetime("us", "UTC"))), MINUTE, MINUTE)
    spec = FeatureConfig(sets=("ohlcv",), timeframes=(2 * MINUTE,))
    matrix = build_features(odd, spec)
    rows = np.flatnonzero(matrix.valid)
    assert rows.size > 20
    for row in rows:
        valid, values = live(odd, int(row), spec, matrix.lookback)
        assert valid
        np.testing.assert_array_equal(values, matrix.values[row])


@pytest.mark.parametrize(
    ("spec", "timeframe", "words"),
    [
        (FeatureConfig(timeframes=(timedelta(seconds=90),)), MINUTE, "whole multiples .* 1m; got 90s"),
        (FeatureConfig(timeframes=(MINUTE,)), MINUTE, "must be longer than the rows' timeframe, 1m"),
        (FeatureConfig(timeframes=(HOUR, HOUR)), MINUTE, "twice: .*rsi_14_1h"),
        (FeatureConfig(timeframes=(HOUR,)), None, "timeframe; it is unknown"),
    ],
)
def test_bars_that_cannot_be_are_refused(spec: FeatureConfig, timeframe: timedelta | None, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        resolve_features(spec, OHLCV, timeframe)


def test_longer_bars_without_a_set_to_build_are_refused() -> None:
    with pytest.raises(ValueError, match=r"features\.timeframes takes features\.sets"):
        FeatureConfig(sets=(), columns=("close",), timeframes=(HOUR,))


def join_on_open(table: Table, spec: FeatureConfig) -> FeatureMatrix:
    """The classic mistake: bars grouped by the moment they open at, then joined to the rows from that moment on."""
    matrix = build_features(table, spec.model_copy(update={"timeframes": ()}))
    opens = table.frame.with_columns((pl.col("time") - table.timeframe).alias("open_time"))
    hours = (
        opens.group_by("symbol", pl.col("open_time").dt.truncate("1h").alias("hour"), maintain_order=True)
        .agg(pl.col("open").first().alias("first"), pl.col("close").last().alias("last"))
        .with_columns((pl.col("last") / pl.col("first") - 1).alias("return_1h"))
    )
    joined = opens.join_asof(hours, left_on="open_time", right_on="hour", by="symbol", check_sortedness=False)
    column = joined["return_1h"].cast(pl.Float32).fill_null(0).to_numpy()
    values = np.where(matrix.valid[:, None], np.column_stack([matrix.values, column]), 0).astype(np.float32)
    return FeatureMatrix(values, matrix.valid, (*matrix.names, "return_1h"), max(matrix.lookback, 60))


def test_the_audit_names_a_feature_that_is_joined_on_the_open_of_its_bar() -> None:
    check = check_features(case_of(parts=Parts(build_features=join_on_open)))
    assert not check.passed
    assert check.detail.startswith("return_1h looks ahead: return_1h at A 2024-01-0")


def test_the_audit_passes_bars_that_are_joined_on_their_close() -> None:
    config = small_experiment(features__sets=["ticker"], features__timeframes=["5m", "15m"])
    case = case_of(audited_walk(5_000, gaps=1, missing=2), config=config)
    assert case.samples.matrix.lookback == 20 * 15 + 14
    for check in (check_features(case), check_live_parity(case)):
        assert check.passed, check.detail


def test_the_command_audit_exits_with_1_and_names_features_whose_bars_are_joined_on_their_open(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "walk.parquet"
    audited_walk(2_500).frame.write_parquet(file)
    words = ("audit", "--data", file, "--stamp", "close", "--seq-len", "8", "--horizon", "5", "--json")
    sets = ("features.sets=[ohlcv]", "features.timeframes=[1h]", "split.embargo_rows=10", "target.volatility_rows=20")
    said = (*words, *(word for assignment in sets for word in ("--set", assignment)))
    honest = cli(*said)
    assert honest.code == 0, honest.out
    monkeypatch.setattr(
        timeframes, "complete_bars", lambda *args: replace(bars := complete_bars(*args), known_at=bars.first)
    )
    leaky = cli(*said)
    assert leaky.code == 1
    failed = {check["name"]: check["detail"] for check in leaky.json["checks"] if not check["passed"]}
    assert (
        "_1h" in failed["features"].split(" looks ahead: ")[0] or "_1h" in failed["features"].split(" look ahead: ")[0]
    )
    assert "predictions" in failed


def test_a_bundle_of_longer_bars_scores_a_row_from_its_buffer_as_from_the_whole_file(tmp_path: Path, cli: Cli) -> None:
    said = cli("train", *TINY, "--set", "features.timeframes=[7d]", "--json")
    assert said.code == 0, said.err
    bundle = Bundle.load(said.json["bundle"])
    assert bundle.record.lookback == 1 * 7 + 6
    assert bundle.rows_needed == 8 + 13 - 1
    table = load_table(bundle.record.config.data)
    whole = bundle.predict(table)
    for row in (500, 501, 502, 503, 504, table.num_rows - 1):
        buffer = table.with_frame(table.frame.slice(row + 1 - bundle.rows_needed, bundle.rows_needed))
        (alone,) = bundle.predict(buffer).to_dicts()
        (among,) = whole.filter(pl.col("time") == table.frame["time"][row]).to_dicts()
        assert alone.keys() == among.keys()
        for name, value in alone.items():
            assert among[name] == (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value)


def test_the_sample_with_resampled_and_longer_bars_trains_and_predicts(tmp_path: Path, cli: Cli) -> None:
    """Minutes made into bars of five, features on quarters of an hour beside them: one config from file to file."""
    file = tmp_path / "walk.parquet"
    audited_walk(12_000).frame.write_parquet(file)
    words = [word for word in TINY if word not in ("--source", "sp500")]
    longer = ("--resample", "5m", "--set", "features.timeframes=[15m]", "--stamp", "close")
    said = cli("train", "--data", file, *words, *longer, "--json")
    assert said.code == 0, said.err
    bundle = Bundle.load(said.json["bundle"])
    assert (bundle.record.timeframe, bundle.record.lookback) == (5 * MINUTE, 1 * 3 + 2)
    out = tmp_path / "predictions.csv"
    predicted = cli("predict", "--model", said.json["run_id"], "--data", file, "-o", out, "--json")
    assert predicted.code == 0, predicted.err
    assert predicted.json["rows"] == pytest.approx(12_000 / 5, abs=20)
