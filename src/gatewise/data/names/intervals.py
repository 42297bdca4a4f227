"""How long a bar lasts, as columns and files' names write it: 1m, M1, 60, 1D, PT5M, hourly, ohlcv-1h.

Sources: what Binance, Coinbase, Kraken, Alpha Vantage, Databento, Finam, Stooq, Futu, TradingView, MetaTrader and vn.py
call their intervals, as each documents them.
"""

from __future__ import annotations

import re
from datetime import timedelta

from gatewise.config.durations import MONTH

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
QUARTER, YEAR = 3 * MONTH, 12 * MONTH
_UNITS = {
    timedelta(seconds=1): ("s", "sec", "second"),
    MINUTE: ("m", "t", "min", "minute"),
    HOUR: ("h", "hr", "hour"),
    DAY: ("d", "day"),
    7 * DAY: ("w", "wk", "week"),
    MONTH: ("mn", "mo", "mon", "month"),
    QUARTER: ("q", "quarter"),
    YEAR: ("y", "yr", "year"),
}
_LENGTH = {f"{word}{plural}": unit for unit, words in _UNITS.items() for word in words for plural in ("", "s")}
_WORDS = {
    "minutely": MINUTE,
    "hourly": HOUR,
    "daily": DAY,
    "eod": DAY,
    "intraday": None,
    "weekly": 7 * DAY,
    "monthly": MONTH,
    "quarterly": QUARTER,
    "yearly": YEAR,
    "annual": YEAR,
}
_AHEAD = re.compile(
    r"^(?:ohlcv|kline|klines|candle|candles|bar|bars|k|time_series|pt|p|interval)[-_ ]?(?=.)", re.IGNORECASE
)
# Numbers alone are seconds or minutes, and only some of them lengths of bars.
_MINUTES = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1440, 10080, 21600, 43200)
_SECONDS = (1, 5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 28800, 43200, 86400, 604800)


def read_interval(text: str) -> tuple[timedelta | None, ...]:
    """The lengths that a text may mean; empty where it names none.

    `60` is a minute or an hour; `intraday` names bars of no length that it tells, `None`. `M` ahead of a number is
    MetaTrader's minute and behind it a month, as exchanges write it; `m` is a minute.
    """
    plain = text.strip()
    if re.fullmatch(r"\d+M", plain):
        return (int(plain[:-1]) * MONTH,) if 0 < int(plain[:-1]) <= 24 else ()
    bare = _AHEAD.sub("", plain).lower() if not plain.isdigit() else plain
    if bare in _WORDS:
        return (_WORDS[bare],)
    if match := re.fullmatch(r"(\d{1,5})(?:\.0)?", bare):
        number = int(match[1])
        return tuple(
            number * unit for unit, usual in ((MINUTE, _MINUTES), (timedelta(seconds=1), _SECONDS)) if number in usual
        )
    match = re.fullmatch(r"(?P<n>\d{0,5})[-_ ]?(?P<unit>[a-z]+)", bare) or re.fullmatch(
        r"(?P<unit>[a-z]+)[-_ ]?(?P<n>\d{1,5})", bare
    )
    unit = _LENGTH.get(match["unit"]) if match else None
    if match and bare.startswith("q") and match["n"]:  # Q1 is a part of the year
        return ()
    number = int(match["n"] or 1) if match else 0
    return (number * unit,) if unit and number else ()


def is_about(length: timedelta, step: timedelta) -> bool:
    """Whether rows of a step are bars of a length; months, quarters and years last about what they do."""
    return length == step or (max(length, step) >= MONTH and abs(length - step) <= length / 10)
