"""Bars of minutes and hours that their session's close cuts short: of hours from 09:30 the last, 15:30 to 16:00.

Such a bar is complete with the close, and belongs to the session that it opened in; one timeframe after its open lies
in the night, which longer bars count to the next session. It is cut only where nothing of the night can be in it: the
file has no rows of closed time but a stray one, or the symbol's next row opens before this one would have ended.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

from gatewise.data.market.sessions import sessions
from gatewise.data.table import SYMBOL, TIME

_US = timedelta(microseconds=1)
_STRAY = 10  # sessions, in which one row of closed time shows no trade after hours


def cut_at_closes(rows: pl.DataFrame, timeframe: timedelta, calendar: str) -> tuple[pl.Series, list[str]]:
    """When rows are knowable, those that a close cuts short at that close; and what there is to say about it.

    Args:
        rows: symbol and `time`, one timeframe after each row's open, in any order.
        timeframe: shorter than a day.
        calendar: of an exchange, which rests between sessions.
    """
    ends = rows[TIME].dt.epoch("us").to_numpy()
    opens = ends - timeframe // _US
    market = sessions(calendar, int(opens.min()), int(ends.max()))
    session = np.searchsorted(market.open_us, opens, side="right") - 1
    closes, following = market.close_us[session], market.open_us[session + 1]
    within = opens < closes
    beyond = within & (ends > closes)
    if not beyond.any():
        return rows[TIME], []
    apart = ends <= following  # nothing of the next session is in it
    bars = pl.DataFrame({"opens": opens, "session": session, "within": within, "beyond": beyond, "apart": apart})
    bars = bars.with_columns(rows[SYMBOL], row=pl.int_range(pl.len()), ends=ends)
    after_hours = ~pl.col("within") & pl.col("apart")
    hours = bars.group_by(SYMBOL).agg(
        regular=after_hours.sum() * _STRAY < pl.col("session").filter("within").n_unique(),
    )
    key = [SYMBOL, "session"]
    after = bars.filter(after_hours).group_by(key).agg(next=pl.col("opens").min())
    cut = (
        bars.filter("beyond", "apart")
        .join(hours, on=SYMBOL)
        .join(after, on=key, how="left")
        .filter(pl.col("regular") | (pl.col("next") < pl.col("ends")))
        .filter(pl.col("opens").n_unique().over(key) == 1)  # two would end at one moment
    )["row"].to_numpy()
    time = ends.copy()
    time[cut] = closes[cut]
    notes = [f"bars that the close of a session of {calendar} cuts short end with it: {cut.size:,}"] if cut.size else []
    if left := int(beyond.sum()) - cut.size:
        notes.append(
            f"bars that begin in a session of {calendar} and last beyond its close, with what was traded after it: "
            f"{left:,}; longer bars count them to the next session (rows of regular hours, or shorter ones, don't mix)"
        )
    return pl.Series(TIME, time).cast(rows.schema[TIME]), notes
