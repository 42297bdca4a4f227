"""Laws of mending what stands beside prices: a repaired frame is the frame that was never broken, in every column.

A vwap or a previous close that stays on the old scale makes features wrong where no check looks. Truth is made first,
in one scale; what a vendor would have written is made of it.
"""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import as_csv, put
from gatewise.config.schema import DataConfig
from gatewise.data.repair.repair import repaired
from gatewise.data.rows import Rows
from gatewise.data.sources import read_source
from test_data_prices import OHLC, market

BOTH = DataConfig(repair=("splits", "hundredfold"))

ROWS = 200
SPLITS = [(2, 1), (3, 2), (7, 1), (1, 10), (20, 1)]
PRICES = (*OHLC, "vwap", "bid", "ask", "previous close", "adj_open", "settle")
SHARES = ("volume", "taker_buy_volume")
STAY = ("turnover", "trades", "adj_close", "rsi")


def truth(seed: int, rows: int = ROWS, move: float = 0.003, step: timedelta = timedelta(days=1)) -> pl.DataFrame:
    """Bars and what vendors write beside them, all in one scale."""
    rng = np.random.default_rng(seed)
    prices, volume = market(rows, seed, move, price=50.0), rng.uniform(1.2e6, 1.8e6, rows)
    low, high, close = prices["low"], prices["high"], prices["close"]
    vwap = low + rng.uniform(0, 1, rows) * (high - low)
    return pl.DataFrame(
        {
            "time": [datetime(2001, 1, 1) + row * step for row in range(rows)],
            **prices,
            "volume": volume,
            "vwap": vwap,
            "bid": close * (1 - rng.uniform(0, 0.003, rows)),
            "ask": close * (1 + rng.uniform(0, 0.003, rows)),
            "previous close": np.append(50.0, close[:-1]),
            "adj_open": prices["open"] * 0.31,
            "settle": np.where(rng.uniform(0, 1, rows) < 0.2, np.nan, close),
            "taker_buy_volume": volume * rng.uniform(0.45, 0.55, rows),
            "turnover": vwap * volume,
            "trades": np.round(volume / 200 * rng.uniform(0.7, 1.3, rows)),
            "adj_close": close * 0.9,
            "rsi": 50 + 15 * np.sin(np.arange(rows) / 5),
        }
    )


def as_traded(true: pl.DataFrame, row: int, new: int, old: int, today: bool = False) -> pl.DataFrame:
    """The same where all before a row is of the old shares; `today`: the row's previous close is of the new."""
    before = pl.int_range(pl.len()) < row
    later = pl.int_range(pl.len()) < row + (not today)
    ratio = new / old
    return true.with_columns(
        *(
            pl.when(before).then(pl.col(name) * ratio).otherwise(pl.col(name))
            for name in PRICES
            if "previous" not in name
        ),
        *(pl.when(before).then(pl.col(name) / ratio).otherwise(pl.col(name)) for name in SHARES),
        pl.when(later).then(pl.col("previous close") * ratio).otherwise(pl.col("previous close")),
    )


def read(folder: Path, frame: pl.DataFrame, *repair: str) -> Rows:
    path = put(folder, "X.csv", as_csv(frame))
    return read_source(DataConfig(paths=(str(path),), repair=repair))  # type: ignore[arg-type]


def wrong(rows: Rows, true: pl.DataFrame) -> list[str]:
    """Columns that are not as they should be, to twelve digits."""
    return [
        name
        for name in true.columns[1:]
        if not np.allclose(rows.frame[name].to_numpy(), true[name].to_numpy(), rtol=1e-12, atol=0, equal_nan=True)
    ]


@settings(max_examples=40)
@given(
    row=st.integers(20, ROWS - 20),
    ratio=st.sampled_from(SPLITS),
    today=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_a_split_is_undone_in_every_column_of_prices_and_shares_and_in_no_other(
    row: int, ratio: tuple[int, int], today: bool, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, true = tmp_path_factory.mktemp("split"), truth(seed)
    rows = read(folder, as_traded(true, row, *ratio, today=today), "splits")
    (repair,) = rows.repairs
    assert wrong(rows, true) == []
    assert repaired(rows, BOTH).repairs == rows.repairs
    assert set(repair.columns) == set(PRICES)
    assert (set(repair.divided), set(repair.left)) == (set(SHARES), set(STAY))
    (note,) = (note for note in rows.notes if note.startswith("repaired"))
    assert note.endswith("volume, taker_buy_volume divided by it; left as they are: turnover, trades, adj_close, rsi")


def test_a_close_of_the_day_before_is_of_the_old_shares_or_off_for_as_long_as_its_day_lasts(tmp_path: Path) -> None:
    true = truth(3, 60 * 48, 0.0005, timedelta(minutes=30)).select("time", *OHLC, "volume")
    hour = pl.col("time").dt.hour()
    true = true.filter(hour.is_between(9, 15))  # fourteen bars a day
    day = np.arange(true.height) // 14
    closes = true["close"].to_numpy()[13::14]
    true = true.with_columns(pl.Series("prev_close", np.append(50.0, closes)[day]))
    split = 14 * 25
    for late in (0, 14):
        factor = pl.when(pl.int_range(pl.len()) < split).then(4.0).otherwise(1.0)
        later = pl.when(pl.int_range(pl.len()) < split + late).then(4.0).otherwise(1.0)
        raw = true.with_columns(pl.col(OHLC) * factor, pl.col("volume") / factor, pl.col("prev_close") * later)
        rows = read(tmp_path, raw, "splits")
        assert (wrong(rows, true), len(rows.repairs)) == ([], 1)
    for last_day in (20, true.height // 14 - 2):
        last = 14 * last_day + 13  # the bar that the next day's column tells of
        bad, later = (pl.int_range(pl.len()).is_between(a, b) for a, b in ((last, last), (last + 1, last + 14)))
        raw = true.with_columns(
            pl.when(bad).then(pl.col("close") * 100).otherwise(pl.col("close")),
            pl.when(later).then(pl.col("prev_close") * 100).otherwise(pl.col("prev_close")),
        )
        assert wrong(read(tmp_path, raw, "hundredfold"), true) == []


@settings(max_examples=40)
@given(row=st.integers(40, ROWS - 20), ratio=st.sampled_from(SPLITS), seed=st.integers(0, 1000))
def test_what_mixes_both_scales_or_has_none_is_left_and_named(
    row: int, ratio: tuple[int, int], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Averages over rows, ranges, changes, ratios, made of prices as traded: none can be mended by a factor."""
    raw = as_traded(truth(seed), row, *ratio).select("time", *OHLC, "volume")
    close, volume = pl.col("close"), pl.col("volume")
    up, down = close.diff().clip(0, None).rolling_mean(14), (-close.diff()).clip(0, None).rolling_mean(14)
    mixed = {
        **{f"sma_{rows}": close.rolling_mean(rows, min_samples=1) for rows in (2, 3, 5, 20, 50)},
        "wma_3": (3 * close + 2 * close.shift() + close.shift(2)) / 6,
        "ema_9": close.ewm_mean(span=9),
        "bands": close.rolling_mean(20) + 2 * close.rolling_std(20),
        "change": close.diff(),
        "return": close.pct_change(),
        "atr": (pl.col("high") - pl.col("low")).rolling_mean(14, min_samples=1),
        "rsi": 100 * up / (up + down),
        **{f"volume_ma_{rows}": volume.rolling_mean(rows, min_samples=1) for rows in (2, 5, 20)},
        "relative_volume": volume / volume.rolling_mean(20, min_samples=1),
        "obv": volume.cum_sum(),
        "market_cap": close * 1e9 / pl.when(pl.int_range(pl.len()) < row).then(ratio[0] / ratio[1]).otherwise(1.0),
    }
    raw = raw.with_columns(**mixed)
    rows = read(tmp_path_factory.mktemp("mixed"), raw, "splits")
    (repair,) = rows.repairs
    assert repair.left == tuple(mixed)
    assert wrong(rows, raw.select("time", *mixed)) == []


PICKS = {"highest": pl.Expr.rolling_max, "lowest": pl.Expr.rolling_min, "median": pl.Expr.rolling_median}


@settings(max_examples=60, deadline=None)
@given(
    row=st.integers(40, ROWS - 20),
    ratio=st.sampled_from(SPLITS),
    pick=st.sampled_from([*PICKS]),
    price=st.sampled_from(OHLC),
    window=st.sampled_from([2, 3, 5, 9, 20, 21, 60, 150]),
    lag=st.integers(0, 1),
    decimals=st.sampled_from([2, 4, 12]),
    move=st.sampled_from([0.002, 0.01]),
    seed=st.integers(0, 1000),
)
def test_what_is_picked_from_rows_of_both_scales_is_left_and_named(
    row: int,
    ratio: tuple[int, int],
    pick: str,
    price: str,
    window: int,
    lag: int,
    decimals: int,
    move: float,
    seed: int,
) -> None:
    """Scaled, a low of 52 weeks would not know the lows before the split for a year."""
    true = truth(seed, move=move)

    def with_picked(frame: pl.DataFrame) -> pl.DataFrame:
        picked = PICKS[pick](pl.col(price), window, min_samples=1).shift(lag).round(decimals)
        return frame.select("time", *OHLC, "volume", "vwap", picked.alias("picked"))

    with tempfile.TemporaryDirectory() as folder:
        raw = with_picked(as_traded(true, row, *ratio))
        rows = read(Path(folder), raw, "splits")
    (repair,) = rows.repairs
    assert "vwap" in repair.columns or move > 0.002
    if "picked" in repair.left:
        assert wrong(rows, raw.select("time", "picked")) == []
    else:
        got, want = rows.frame["picked"].to_numpy(), with_picked(true)["picked"].to_numpy()
        assert np.allclose(got, want, rtol=0, atol=1.1 * 10.0**-decimals * max(ratio), equal_nan=True)


def test_a_day_s_high_so_far_never_spans_a_split_and_is_divided(tmp_path: Path) -> None:
    true = truth(3, 60 * 48, 0.0005, timedelta(minutes=30)).select("time", *OHLC, "volume")
    true = true.filter(pl.col("time").dt.hour().is_between(9, 15))
    day = pl.col("time").dt.date()
    true = true.with_columns(day_high=pl.col("high").cum_max().over(day), day_low=pl.col("low").cum_min().over(day))
    before = pl.when(pl.int_range(pl.len()) < 14 * 25).then(4.0).otherwise(1.0)
    raw = true.with_columns(pl.col(*OHLC, "day_high", "day_low") * before, pl.col("volume") / before)
    assert wrong(read(tmp_path, raw, "splits"), true) == []


def test_an_adjusted_close_is_divided_where_it_holds_the_step_and_left_where_it_does_not(tmp_path: Path) -> None:
    """Two splits, of which the vendor had put one into its adjusted prices when the file was written."""
    true = truth(6).select("time", *OHLC, "volume", "adj_close")
    early, late = (pl.int_range(pl.len()) < row for row in (60, 130))
    one, other = (pl.when(early).then(2.0).otherwise(1.0), pl.when(late).then(3.0).otherwise(1.0))
    raw = true.with_columns(pl.col(OHLC) * one * other, pl.col("volume") / one / other, pl.col("adj_close") * other)
    rows = read(tmp_path, raw, "splits")
    assert wrong(rows, true) == []
    assert [repair.left for repair in rows.repairs] == [("adj_close",), ()]


def test_dividends_are_a_share_s_and_symbols_have_their_own_splits(tmp_path: Path) -> None:
    true = (
        truth(7)
        .with_columns(dividends=pl.when(pl.int_range(pl.len()) % 63 == 5).then(0.25).otherwise(0.0))
        .select("time", *OHLC, "volume", "vwap", "dividends")
    )
    factor = pl.when(pl.int_range(pl.len()) < 100).then(2.0).otherwise(1.0)
    raw = true.with_columns(pl.col(*OHLC, "vwap", "dividends") * factor, pl.col("volume") / factor)
    both = pl.concat([raw.with_columns(symbol=pl.lit("A")), true.with_columns(symbol=pl.lit("B"))])
    rows = read(tmp_path, both.reverse(), "splits")
    frame = rows.frame.sort("symbol", "time")
    for name in true.columns[1:]:
        assert frame[name].to_numpy() == pytest.approx(np.tile(true[name].to_numpy(), 2), rel=1e-12)


@settings(max_examples=30)
@given(
    first=st.integers(3, ROWS - 50),
    length=st.integers(1, 40),
    power=st.sampled_from([-3, -2, -1, 1, 2, 3]),
    seed=st.integers(0, 1000),
)
def test_rows_in_pence_are_brought_back_in_every_column_of_money(
    first: int, length: int, power: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, true = tmp_path_factory.mktemp("pence"), truth(seed)
    row = pl.int_range(pl.len())
    pence = row.is_between(first, first + length - 1)
    after = row.is_between(first + 1, first + length)  # the row below tells of the close before
    money = [name for name in (*PRICES, "turnover", "adj_close") if "previous" not in name]
    factor = 10.0**power
    raw = true.with_columns(
        pl.when(pence).then(pl.col(money) * factor).otherwise(pl.col(money)),
        pl.when(after).then(pl.col("previous close") * factor).otherwise(pl.col("previous close")),
    )
    rows = read(folder, raw, "hundredfold")
    (repair,) = rows.repairs
    assert wrong(rows, true) == []
    assert repaired(rows, BOTH).repairs == rows.repairs
    assert set(repair.columns) - {"settle"} == {*money, "previous close"} - {"settle"}
    assert repair.left == ()


@settings(max_examples=30)
@given(
    split=st.integers(60, 140),
    apart=st.sampled_from([-25, -15, -8, 8, 15, 25]),
    length=st.integers(1, 5),
    power=st.sampled_from([-3, -2, 2, 3]),
    reverse=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_errors_and_a_split_by_as_much_beside_each_other_are_each_mended_by_its_own(
    split: int, apart: int, length: int, power: int, reverse: bool, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The adjusted close holds the split, so its ratio to the close steps by as much there, and is no error."""
    folder, true = tmp_path_factory.mktemp("both"), truth(seed)
    size = 10 ** min(abs(power), 2)
    raw = as_traded(true, split, *((1, size) if reverse else (size, 1)))
    first = split + apart
    pence = pl.int_range(pl.len()).is_between(first, first + length - 1)
    after = pl.int_range(pl.len()).is_between(first + 1, first + length)
    money = [name for name in (*PRICES, "turnover", "adj_close") if "previous" not in name]
    raw = raw.with_columns(
        pl.when(pence).then(pl.col(money) * 10.0**power).otherwise(pl.col(money)),
        pl.when(after).then(pl.col("previous close") * 10.0**power).otherwise(pl.col("previous close")),
    )
    rows = read(folder, raw, "splits", "hundredfold")
    assert wrong(rows, true) == [name for name in ("adj_close",) if name in rows.repairs[0].left]
    assert {repair.kind for repair in rows.repairs} == {"splits", "hundredfold"}


@pytest.mark.parametrize("row", [1, 2, ROWS - 2])
def test_the_row_below_an_error_near_either_end_is_mended_with_it(row: int, tmp_path: Path) -> None:
    true = truth(9).select("time", *OHLC, "volume", "previous close")
    bad, below = (pl.int_range(pl.len()) == place for place in (row, row + 1))
    raw = true.with_columns(
        pl.when(bad).then(pl.col("close") * 100).otherwise(pl.col("close")),
        pl.when(below).then(pl.col("previous close") * 100).otherwise(pl.col("previous close")),
    )
    assert wrong(read(tmp_path, raw, "hundredfold"), true) == []


def test_a_high_alone_leaves_others_as_they_are_and_names_what_was_made_of_it(tmp_path: Path) -> None:
    true = truth(8).select("time", *OHLC, "volume", "vwap", "turnover", "rsi")
    bad = pl.int_range(pl.len()) == 70
    raw = true.with_columns(pl.when(bad).then(pl.col("high") * 1000).otherwise(pl.col("high")))
    made = {
        "hlc3": pl.mean_horizontal("high", "low", "close"),
        "range": pl.col("high") - pl.col("low"),
        "growth": pl.col("high") / pl.col("high").shift(),
        "high_2": pl.col("high").rolling_mean(2),
        "high_60": pl.col("high").rolling_max(60, min_samples=1),
        "atr": (pl.col("high") - pl.col("low")).rolling_mean(14, min_samples=1),
    }
    raw, true = raw.with_columns(**made), true.with_columns(**made)
    rows = read(tmp_path, raw, "hundredfold")
    (repair,) = rows.repairs
    assert wrong(rows, true) == [*made]
    assert wrong(rows, raw.select("time", *made)) == []
    assert (repair.columns, repair.left) == (("high",), (*made,))
    assert any(note.endswith(f"high times 0.001; left as they are: {', '.join(made)}") for note in rows.notes)
