"""Stock splits that raw prices still carry: a fall by half overnight that no holder of the stock ever felt.

Not to be confused with `gatewise.splits`, which parts rows into training and test.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.blocks import block_numbers
from gatewise.data.order import in_order
from gatewise.data.table import STAMP, SYMBOL

# New shares for old ones. 5:4 and 4:3 are left out: bad news moves prices as far a few times in a stock's life. Any
# whole number may be one too, but of large ones several are within a day's move, and these are by far the most usual.
_USUAL = (*((n, 1) for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 100)), (3, 2), (5, 2))
_LEAST_SLACK, _SLACK_MOVES = 0.005, 3.0  # of the ratio, and times the usual move: within it a usual split is meant
_TOLERANCE = 0.05  # of the ratio: what the market itself moved overnight
_MOST_TURNOVER = 2.5  # times the usual; a split trades for about as much money as ever, bad news for several times it
_LEAST = 0.35  # of a log price, as 3:2 takes within the tolerance
_MOST = 14.0  # likewise: a million for one; what a damaged price makes beyond that is held by no whole number
_LEAST_JUMP = 8.0  # times the usual move overnight, either way
_DAYS, _LEAST_DAYS = 20, 5
_LEAST_PROOF = 0.35  # of log volume: what it varies by without any split
LONGEST = timedelta(days=7)  # between two days of trading, as from 10 to 17 September 2001
_LEAST_PAUSE, _PAUSE_STEPS = timedelta(hours=1), 1.5  # of a market that closes; in usual steps between rows


def find_splits(frame: pl.DataFrame, longest: timedelta = LONGEST) -> pl.DataFrame:
    """Days whose first price is the last one of the day before, times or through a small number.

    A day is what lies between a market's nightly pauses, where it has any, and else UTC's. It is flagged where the
    ratio of the two is within 5 % of a split's, forward or reverse, is no everyday move of this series, and the money
    that changed hands that day is not several times the usual, which would tell of news instead. Splits of less than
    3:2 are not looked for. Knowable at the day's end.

    Args:
        frame: symbol, `__stamp` (a row's time as in the source), close, and open and volume where there are any; in
            any order, of any timeframe.
        longest: of the steps from one day to the next; over a longer one the price may have gone anywhere.

    Returns:
        symbol, time (of the first row of the day), before (last close), after (first price), new and old (shares: 2
        and 1 for a 2:1 split), proved (the volume of the days around moved as a split moves it; false without any),
        certain (no other split is near enough to be meant), by symbol and time.
    """
    opened = "open" if "open" in frame.columns else "close"
    volume = pl.col("volume") if "volume" in frame.columns else pl.lit(None, pl.Float64).alias("volume")
    turnover = (pl.col("close") * volume).alias("turnover")
    rows = in_order(frame.select(SYMBOL, STAMP, pl.col(opened).alias("after"), "close", turnover, volume))
    days = (
        rows.group_by(pl.Series("number", _day_of(rows)), maintain_order=True)
        .agg(
            pl.col(SYMBOL).first(),
            pl.col(STAMP).first().dt.date().alias("day"),
            pl.col(STAMP).first().alias("time"),
            pl.col("after").first(),
            pl.col("close").last(),
            pl.col("turnover").sum(),
            pl.col("volume").sum(),
        )
        .with_columns(
            pl.col("close").shift().over(SYMBOL).alias("before"), pl.col("day").diff().over(SYMBOL).alias("step")
        )
    )
    jump = (pl.col("before") / pl.col("after")).log()
    days = days.with_columns(jump.alias("jump")).with_columns(
        pl.col("jump")
        .abs()
        .rolling_median(_DAYS, min_samples=_LEAST_DAYS)
        .shift()
        .over(SYMBOL)
        .fill_null(0.0)
        .alias("usual_jump"),
        pl.col("turnover").rolling_median(_DAYS, min_samples=_LEAST_DAYS).shift().over(SYMBOL).alias("usual_turnover"),
    )
    traded, half = pl.col("volume"), _DAYS // 2
    days = days.with_columns(
        traded.rolling_median(half, min_samples=_LEAST_DAYS).shift().over(SYMBOL).alias("traded_before"),
        traded.reverse().rolling_median(half, min_samples=_LEAST_DAYS).reverse().over(SYMBOL).alias("traded_after"),
    )
    candidates = days.filter(
        pl.col("jump").abs().is_between(_LEAST, _MOST),
        pl.col("step") <= longest,
        pl.col("jump").abs() >= _LEAST_JUMP * pl.col("usual_jump"),
        # Without volume, or too early to know the usual, the jump alone decides.
        (pl.col("turnover") <= _MOST_TURNOVER * pl.col("usual_turnover")).fill_null(True)
        | (pl.col("usual_turnover") == 0),
    )
    slack = (_SLACK_MOVES * candidates["usual_jump"]).clip(_LEAST_SLACK, _TOLERANCE)
    pairs = list(zip((candidates["before"] / candidates["after"]).to_list(), slack, strict=True))
    splits = [nearest_split(*pair) for pair in pairs]
    candidates = candidates.with_columns(
        *(pl.Series(name, [split[side] for split in splits], pl.Int64) for side, name in enumerate(("new", "old"))),
        pl.Series("certain", [_is_certain(*pair) for pair in pairs], pl.Boolean),
    )
    split, moved = (pl.col("new") / pl.col("old")).log(), (pl.col("traded_after") / pl.col("traded_before")).log()
    proved = (moved - split).abs() < pl.max_horizontal(_LEAST_PROOF, 0.5 * split.abs())
    return candidates.filter(
        (pl.col("new") != pl.col("old")) & ((pl.col("jump") - split).exp() - 1).abs().le(_TOLERANCE)
    ).select(
        SYMBOL,
        "time",
        "before",
        "after",
        "new",
        "old",
        (proved & (moved.abs() > 0.5 * split.abs())).fill_null(False).alias("proved"),
        "certain",
    )


def _day_of(rows: pl.DataFrame) -> npt.NDArray[np.int64]:
    """[rows in order], a number for each day of trading; it may begin on one date of UTC and end on the next.

    Of each date the row after the longest pause begins a day, where that is about as long as the symbol's nightly
    one. A symbol without a nightly pause has the dates.
    """
    stamp = rows[STAMP].dt.epoch("us").to_numpy()
    date, symbol = stamp // _us(timedelta(days=1)), block_numbers(rows[SYMBOL])
    step = np.diff(stamp, prepend=stamp[:1])
    new = np.diff(symbol, prepend=-1) != 0
    step[new] = 0
    begins = new | (np.diff(date, prepend=-1) != 0)
    first = np.flatnonzero(begins)
    longest = np.maximum.reduceat(step, first) if first.size else first
    bounds = np.append(np.flatnonzero(new), stamp.size)
    for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        dates = slice(*np.searchsorted(first, (begin, end)))
        pause = np.median(longest[dates])
        if pause < _us(_LEAST_PAUSE) or pause < _PAUSE_STEPS * np.median(step[begin:end]):
            continue
        steps, length = step[begin:end], np.diff(np.append(first[dates], end))
        begins[begin:end] = new[begin:end] | ((steps == np.repeat(longest[dates], length)) & (steps >= pause / 2))
    return np.cumsum(begins)


def _us(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


def nearest_split(ratio: float, slack: float = _LEAST_SLACK) -> tuple[int, int]:
    """(new, old) shares of the split that divides a price by `ratio`; below 1 it is a reverse one.

    Args:
        slack: so far, as a share of the ratio, a usual split may be off and still be meant.
    """
    forward = max(ratio, 1 / ratio)
    usual, whole = min(_USUAL, key=lambda pair: _off(forward, pair)), (round(forward), 1)
    new, old = usual if _off(forward, usual) <= max(slack, _off(forward, whole)) else whole
    return (new, old) if ratio >= 1 else (old, new)


def _is_certain(ratio: float, slack: float) -> bool:
    """Whether `nearest_split` is beyond doubt: the market would have to move oddly far for any other to be meant."""
    forward = max(ratio, 1 / ratio)
    new, old = nearest_split(forward, slack)
    whole = round(forward)
    rivals = {*_USUAL, (whole, 1)} if (new, old) in _USUAL else {*_USUAL, (new - 1, 1), (new + 1, 1)}
    off = _off(forward, (new, old))
    return off <= 2 * slack and all(_off(forward, rival) > 2 * (off + slack) for rival in rivals - {(new, old)})


def _off(forward: float, pair: tuple[int, int]) -> float:
    return abs(forward * pair[1] / pair[0] - 1)
