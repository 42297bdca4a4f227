"""How files spell the columns that have a role: time, symbol, OHLCV."""

from __future__ import annotations

import re

from gatewise.data.columns.identity import SYMBOLS as SYMBOLS
from gatewise.data.columns.words import ENGLISH

# Spellings after `normalise`, the better one first. Sources: the CSV and API headers of Binance, Coinbase, Kraken,
# CoinAPI, CryptoDataDownload, Yahoo, Stooq, Nasdaq, Barchart, Alpha Vantage, Dukascopy, MetaTrader, HistData.
OPEN_TIMES = (
    "time_period_start",  # of the bar, where CoinAPI's time_open is its first trade's
    "open_time",
    "opentime",
    "time_open",
    "start_time",
    "starttime",
    "period_start",
    "bar_start",
    "window_start",
    "candle_begin_time",
    "candle_date_time_utc",
)
CLOSE_TIMES = (
    "time_period_end",
    "close_time",
    "closetime",
    "time_close",
    "end_time",
    "endtime",
    "period_end",
    "bar_end",
    "window_end",
)
EPOCHS = ("unix", "unix_timestamp", "unix_time", "unixtime", "epoch", "epoch_ms", "timestamp_ms", "unix_ms")
NEUTRAL_TIMES = (
    "timestamp",
    "timestamp_utc",
    "utc_timestamp",
    "datetime",
    "datetime_utc",
    "date_time",
    "time_utc",
    "utc_time",
    "gmt_time",
    "utc",
    "ts",
    "ts_event",
    "time",
    "date",
    "date_utc",
    "local_time",
    "trade_date",
    "tradedate",
    "trading_date",
    "trading_day",
    "dtyyyymmdd",
    "ds",
)
# Words that mean other things too: taken where no spelling above is there and their cells are written dates. Sources:
# MOEX's ISS, ENTSO-E, CoinGecko, Refinitiv, NSE's UDiFF, exports of pandas, xts and quantmod.
LOOSE_OPEN_TIMES = ("interval_start", "interval_start_utc", "interval_begin", "bar_begin", "begin", "start")
LOOSE_TIMES = (
    *LOOSE_OPEN_TIMES,
    *("bar_time", "bartime", "time_stamp", "datetimeutc", "snapped_at", "exchange_date", "traddt", "index"),
)
BESIDE_LOOSE_TIMES = (
    "interval_end",
    "interval_end_utc",
    "end",
    "bizdt",
)  # ends, and days of business, of the same rows
ALL_TIMES = (*OPEN_TIMES, *EPOCHS, *NEUTRAL_TIMES, *CLOSE_TIMES)
VALUES: dict[str, tuple[str, ...]] = {
    "open": ("open", "o", "open_price", "price_open", "opnpric", "first"),
    "high": ("high", "h", "high_price", "price_high", "hghpric"),
    "low": ("low", "l", "low_price", "price_low", "lwpric"),
    "close": ("close", "c", "close_price", "price_close", "clspric", "close_last", "last"),
    "volume": (
        *("volume", "v", "vol", "volume_traded", "base_volume", "ttltradgvol", "real_volume", "tick_volume", "tickvol"),
    ),
    "adj_close": ("adj_close", "adjclose", "adjusted_close", "close_adj", "adjusted"),
}
TICKS = ("tick_volume", "tickvol", "tickvolume", "tick_count")
# A date and a time of day that may stand in two columns.
DATES = (
    "date",
    "dtyyyymmdd",
    "trade_date",
    "tradedate",
    "trading_date",
    "trading_day",
    "date_utc",
    "local_date",
    "day",
)
CALENDAR = ("year", "month", "day", "hour", "minute", "second")
QUARTERS = ("quarter", "qtr")
WEEKS = ("week", "week_number", "week_no", "week_of_year", "weeknumber", "weeknum", "wk")
ISO_WEEKS, ISO_YEARS = ("iso_week", "isoweek", "iso_week_number"), ("iso_year", "isoyear")
CLOCKS = ("time", "timestamp", "trade_time", "tradetime", "time_utc", "utc_time", "gmt_time", "local_time", "clock")

# Hours of 0 to 23 beside a date, and hours that end at their number, of grids and markets of power.
HOURS = ("hour", "hours", "hr", "hour_of_day", "hour_of_the_day", "delivery_hour", "trading_hour")
HOUR_ENDS = ("hour_ending", "hourending", "hour_end", "hourend", "ending_hour", "he")


def normalise(column: str) -> str:
    """`<DATE>`, `Adj Close`, `1. open`, `Time (UTC)`, `시가` -> date, adj_close, open, time_utc, open."""
    plain = re.sub(r"[\s.\-/()#<>]+", "_", column.strip().strip("\"'").lower()).strip("_")
    return re.sub(r"^\d+_(?=[a-z])", "", ENGLISH.get(plain, plain))
