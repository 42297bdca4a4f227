"""A split that Yahoo lists is held against its prices: undivided ones taken for divided would be moved by it.

The truth is what was traded; Yahoo's answer is made of it, with every split divided out, or with one that is not.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewise.feeds.yahoo_bars import Answered, later_splits
from gatewise.feeds.yahoo_splits import with_splits_applied
from gatewise.lake.base import SeriesKey
from gatewise.lake.lake import Lake
from test_feeds_stocks import DAY, NOW, feed, fetch
from yahoo_server import YahooServer, make_stock, serve_yahoo

DAY_US = 86_400_000_000
RATIOS = [2.0, 1.5, 3.0, 4.0, 20.0, 0.1, 1 / 190, 0.5]


def answered(rows: int, seed: int, splits: dict[int, float], volatility: float = 0.01) -> Answered:
    """Yahoo's daily rows with every split divided out."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, volatility, rows)))
    opened = close * np.exp(rng.normal(0, volatility / 3, rows))
    listed = np.zeros(rows)
    for row, ratio in splits.items():
        listed[row] = ratio
    stamps = np.arange(19_000, 19_000 + rows) * DAY_US
    high, low = np.maximum(opened, close) * 1.002, np.minimum(opened, close) / 1.002
    volume = np.round(rng.uniform(1e6, 2e6, rows))
    return Answered(stamps, opened, high, low, close, close * 0.9, volume, np.zeros(rows), listed)


def undivided(rows: Answered, row: int, ratio: float, volume: bool = True) -> Answered:
    """The same with one split not divided out of what came before."""
    earlier = np.where(np.arange(rows.close.size) < row, ratio, 1.0)
    names = ("open", "high", "low", "close", "adjusted_close", "dividends")
    changed = {name: getattr(rows, name) * earlier for name in names}
    return replace(rows, **changed, volume=rows.volume / earlier if volume else rows.volume)


@given(
    row=st.integers(1, 199),
    ratio=st.sampled_from(RATIOS),
    seed=st.integers(0, 1000),
    volume=st.booleans(),
)
def test_a_split_that_was_not_divided_out_is_and_one_that_was_is_left(
    row: int, ratio: float, seed: int, volume: bool
) -> None:
    true = answered(200, seed, {row: ratio})
    assert with_splits_applied(true, true, "UTC") == (true, ())
    lazy = undivided(true, row, ratio, volume)
    mended, notes = with_splits_applied(lazy, lazy, "America/New_York")
    assert np.allclose(mended.close, true.close, rtol=1e-12)
    assert np.allclose(mended.adjusted_close, true.adjusted_close, rtol=1e-12)
    (note,) = notes
    assert note.startswith("warning: Yahoo lists a split of ")
    assert "has not divided earlier prices by it" in note
    if 20 <= row <= 180 and abs(np.log(ratio)) > 1:
        assert np.allclose(mended.volume, true.volume, rtol=1e-12)


@given(row=st.integers(5, 195), ratio=st.sampled_from(RATIOS), seed=st.integers(0, 1000))
def test_an_adjusted_close_that_holds_the_split_already_is_not_divided_by_it_again(
    row: int, ratio: float, seed: int
) -> None:
    true = answered(200, seed, {row: ratio})
    lazy = replace(undivided(true, row, ratio), adjusted_close=true.adjusted_close)
    mended, (_,) = with_splits_applied(lazy, lazy, "UTC")
    assert np.allclose(mended.close, true.close, rtol=1e-12)
    assert np.array_equal(mended.adjusted_close, true.adjusted_close)


def test_shorter_bars_are_mended_by_what_the_days_tell() -> None:
    true = answered(60, 1, {40: 4.0})
    lazy = undivided(true, 40, 4.0)
    hours = answered(10, 2, {})
    hours = replace(hours, stamp_us=true.stamp_us[35:45] + DAY_US // 2)
    mended, notes = with_splits_applied(hours, lazy, "UTC")
    assert np.allclose(mended.close[:5] * 4, hours.close[:5])
    assert np.array_equal(mended.close[5:], hours.close[5:])
    assert len(notes) == 1


def test_a_step_that_fits_neither_is_told_and_left() -> None:
    true = answered(60, 1, {40: 4.0})
    odd = undivided(true, 40, 1.9)
    mended, (note,) = with_splits_applied(odd, odd, "UTC")
    assert mended == odd
    assert "neither divided by it nor as traded" in note


@given(
    row=st.integers(60, 180),
    off=st.integers(-50, 3).filter(bool),
    ratio=st.sampled_from([4.0, 2.0, 0.1]),
    seed=st.integers(0, 1000),
)
def test_a_split_that_was_divided_from_another_day_on_is_told_with_that_day(
    row: int, off: int, ratio: float, seed: int
) -> None:
    rows = undivided(answered(200, seed, {row: ratio}), row + off, ratio)
    same, (note,) = with_splits_applied(rows, rows, "UTC")
    assert same == rows
    day = datetime.fromtimestamp(int(rows.stamp_us[row + off]) / 1e6, UTC).date()
    assert f"but on {day} they step by" in note


def test_a_crash_on_news_long_before_a_split_is_no_step_of_it() -> None:
    true = answered(200, 1, {150: 2.0})
    crash = undivided(true, 60, 2.0, volume=False)
    crash.volume[60] *= 8
    assert with_splits_applied(crash, crash, "UTC") == (crash, ())


def test_several_splits_are_each_held_against_their_own_step() -> None:
    true = answered(120, 3, {30: 2.0, 60: 0.1, 90: 3.0})
    lazy = undivided(true, 60, 0.1)
    mended, (note,) = with_splits_applied(lazy, lazy, "UTC")
    assert np.allclose(mended.close, true.close)
    assert "1:10" in note
    assert later_splits(mended.stamp_us, mended)[0] == pytest.approx(0.6)


@pytest.mark.parametrize("adjusted", [False, None])
def test_a_fetch_keeps_what_was_traded_and_says_so(adjusted: bool | None, gatewise_home: Path, tmp_path: Path) -> None:
    stock = make_stock("BCZ", "2024-01-02", "2024-12-31", splits={date(2024, 3, 22): (1, 190)})
    state = YahooServer({"BCZ": stock}, NOW, undivided=frozenset({"BCZ"}))
    with serve_yahoo(state) as server:
        (outcome,) = fetch(server, Lake(tmp_path), "BCZ", adjusted=adjusted, start=datetime(2024, 1, 1, tzinfo=UTC))
        key = SeriesKey("yahoo-raw" if adjusted is False else "yahoo", "BCZ", DAY)
        assert feed(server, adjusted).revises(key) is (adjusted is None)
    close = Lake(tmp_path).series(key).read()["close"].to_numpy()
    traded = stock.prices[: close.size, 3]
    at = stock.days.index(date(2024, 3, 22))
    factor = np.where(np.arange(close.size) < at, 1.0 if adjusted is False else 190.0, 1.0)
    assert np.allclose(close, traded * factor)
    assert any("a split of 1:190 on 2024-03-22" in note for note in outcome.notes)
