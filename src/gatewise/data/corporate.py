"""Stock splits that raw prices still carry: a fall by half overnight that no holder of the stock ever felt.

Not to be confused with `gatewise.splits`, which parts rows into training and test.
"""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import polars as pl

from gatewise.data.table import STAMP, SYMBOL

# New shares for old ones, beside whole numbers. 5:4 and 4:3 are left out: bad news moves prices as far a few times in a
# stock's life.
_BROKEN = ((3, 2), (5, 2))
_TOLERANCE = 0.05  # of the ratio: what the market itself moved overnight
_MOST_TURNOVER = 2.5  # times the usual; a split trades for about as much money as ever, bad news for several times it
_LEAST_JUMP = 8.0  # times the usual move overnight, either way
_DAYS, _LEAST_DAYS = 20, 5
LONGEST = timedelta(days=7)  # between two days of trading, as from 10 to 17 September 2001


def find_splits(frame: pl.DataFrame, longest: timedelta = LONGEST) -> pl.DataFrame:
    """Days whose first price is the last one of the day before, times or through a small number.

    A day is flagged where the ratio of the two is within 5 % of a split's, forward or reverse, is no everyday
    move of this series, and the money that changed hands that day is not several times the usual, which would tell of
    news instead. Splits of less than 3:2 are not looked for. Knowable at the day's end.

    Args:
        frame: symbol, `__stamp` (a row's time as in the source), close, and open and volume where there are any; in
            any order, of any timeframe.
        longest: of the steps from one day to the next; over a longer one the price may have gone anywhere.

    Returns:
        symbol, time (of the first row of the day), before (last close), after (first price), new and old (shares: 2
        and 1 for a 2:1 split), by symbol and time.
    """
    opened = "open" if "open" in frame.columns else "close"
    turnover = pl.col("close") * pl.col("volume") if "volume" in frame.columns else pl.lit(None, pl.Float64)
    days = (
        frame.select(SYMBOL, STAMP, pl.col(opened).alias("after"), "close", turnover.alias("turnover"))
        .sort(SYMBOL, STAMP)
        .group_by(SYMBOL, pl.col(STAMP).dt.date().alias("day"), maintain_order=True)
        .agg(
            pl.col(STAMP).first().alias("time"),
            pl.col("after").first(),
            pl.col("close").last(),
            pl.col("turnover").sum(),
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
    found = days.filter(
        pl.col("jump").is_finite(),
        pl.col("step") <= longest,
        pl.col("jump").abs() >= _LEAST_JUMP * pl.col("usual_jump"),
        # Without volume, or too early to know the usual, the jump alone decides.
        (pl.col("turnover") <= _MOST_TURNOVER * pl.col("usual_turnover")).fill_null(True)
        | (pl.col("usual_turnover") == 0),
    )
    ratio = (found["before"] / found["after"]).to_numpy()
    splits = [nearest_split(value) for value in ratio.tolist()]
    new, old = (np.array([split[side] for split in splits], dtype=np.int64) for side in (0, 1))
    return (
        found.with_columns(pl.Series("new", new), pl.Series("old", old))
        .filter(
            pl.Series(np.abs(ratio * old / new - 1) <= _TOLERANCE, dtype=pl.Boolean)
            & pl.Series(new != old, dtype=pl.Boolean)
        )
        .select(SYMBOL, "time", "before", "after", "new", "old")
    )


def nearest_split(ratio: float) -> tuple[int, int]:
    """(new, old) shares of the split that divides a price most nearly by `ratio`; below 1 it is a reverse one."""
    forward = max(ratio, 1 / ratio)
    new, old = min(((max(1, round(forward)), 1), *_BROKEN), key=lambda pair: abs(math.log(forward * pair[1] / pair[0])))
    return (new, old) if ratio >= 1 else (old, new)
