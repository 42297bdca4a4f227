"""Stocks, funds, indices and more from Yahoo, over yfinance: daily bars of decades, adjusted or as traded, and recent
bars of minutes."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import yfinance

from gatewise.config.durations import format_duration, parse_duration
from gatewise.data.market.sessions import sessions
from gatewise.errors import ConfigError, FeedError, UnknownNameError
from gatewise.feeds.base import FeedOptions, Page, base_url
from gatewise.feeds.limiter import Limiter
from gatewise.feeds.retry import Retry
from gatewise.feeds.yahoo_bars import Answered, frame_of
from gatewise.feeds.yahoo_exchanges import calendar_of
from gatewise.feeds.yahoo_http import NAME, NoDataError, YahooSession, ask
from gatewise.feeds.yahoo_splits import with_splits_applied
from gatewise.files import home
from gatewise.lake.base import TIME, SeriesKey

RAW = f"{NAME}-raw"  # the feed whose rows are as traded, so that the lake may hold both
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
# Yahoo's name of each timeframe, for how many days back it has rows, and of how many it gives at once; a day less than
# it says, as it counts from the moment of the request.
_INTRADAY = {
    _MINUTE: ("1m", 29, 7),
    2 * _MINUTE: ("2m", 59, 59),
    5 * _MINUTE: ("5m", 59, 59),
    15 * _MINUTE: ("15m", 59, 59),
    30 * _MINUTE: ("30m", 59, 59),
    60 * _MINUTE: ("1h", 729, 729),
    90 * _MINUTE: ("90m", 59, 59),
}
_SETTLES = timedelta(minutes=30)  # Yahoo's prices lag by up to that, and a close is set by an auction
_LATE = timedelta(days=4)  # a session that is absent so short a time after its close may still come
_REQUESTS_PER_SECOND = 2.0  # Yahoo states no limit and blocks who is fast
_log = logging.getLogger("gatewise.feeds")


@dataclass(frozen=True)
class _Listing:
    """What Yahoo says of a symbol."""

    zone: str
    calendar: str | None
    currency: str


class YahooFeed:
    """Yahoo.

    Args:
        options: `adjusted` true: daily bars adjusted for splits and dividends, in the lake as yahoo; false: bars as
            traded, with the columns dividends and splits, as yahoo-raw; `None`: the former for days and the latter for
            shorter bars, which Yahoo can't adjust for dividends.
        timeout_seconds: how long one answer may take.
    """

    def __init__(self, options: FeedOptions, timeout_seconds: float = 15.0) -> None:
        self.name = NAME if options.adjusted is not False else RAW
        self.default_timeframe = _DAY
        self._adjusted = options.adjusted
        self._clock = options.clock
        address = base_url(options)
        each = 1 / (options.requests_per_second or _REQUESTS_PER_SECOND)
        self._session = YahooSession(address and address.rstrip("/"), Limiter(each, fixed=True), timeout_seconds)
        self._listings: dict[str, _Listing] = {}
        self._daily: dict[str, tuple[datetime, Answered]] = {}
        self._lock = threading.Lock()
        yfinance.set_tz_cache_location(str(home() / "cache" / "yfinance"))  # its cookie, and zones of symbols

    def resolve(self, symbol: str, timeframe: timedelta, retry: Retry) -> SeriesKey:
        """See `Feed.resolve`; symbols are Yahoo's: AAPL, BRK-B, SAP.DE, ^GSPC, BTC-USD, in any case."""
        if timeframe != _DAY and timeframe not in _INTRADAY:
            known = [format_duration(length) for length in (*_INTRADAY, _DAY)]
            wanted = format_duration(timeframe)
            raise UnknownNameError(f"timeframe of {NAME} (longer ones: data.resample)", wanted, known, parse_duration)
        if self._adjusted and timeframe < _DAY:
            raise ConfigError(
                f"{NAME} adjusts daily bars only; got adjusted ones of {format_duration(timeframe)}",
                'adjusted=False, or timeframe="1d"',
            )
        name = symbol.strip().upper()
        if not name:
            raise ConfigError("a symbol must not be empty", f"gatewise data fetch {NAME} AAPL")
        if name not in self._listings:
            self._listings[name] = self._listing(name, retry)
        raw = self._adjusted is False or timeframe < _DAY
        return SeriesKey(RAW if raw else NAME, name, timeframe)

    def facts(self, key: SeriesKey) -> dict[str, str]:
        """What rows are adjusted for, the exchange's zone and calendar, and the currency of prices."""
        listing = self._listings[key.symbol]
        facts = {
            "adjusted": "splits and dividends" if self.revises(key) else "no: as traded",
            "zone": listing.zone,
            "stamp": "close",
            "currency": listing.currency,
            "calendar": listing.calendar,
        }
        return {name: value for name, value in facts.items() if value}

    def oldest(self, key: SeriesKey) -> datetime | None:
        """The time from which on there are bars; `None` where that is the symbol's own beginning."""
        if key.timeframe >= _DAY:
            return None
        since = self._clock() - timedelta(days=_INTRADAY[key.timeframe][1])
        return since.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)

    def revises(self, key: SeriesKey) -> bool:
        """Adjusted prices all change with every new dividend and split; bars as traded never do."""
        return key.source == NAME

    def page(self, key: SeriesKey, start: datetime, end: datetime, retry: Retry) -> Page:
        """See `Feed.page`; all days come at once, minutes a week at a time."""
        now = self._clock()
        most = None if key.timeframe >= _DAY else timedelta(days=_INTRADAY[key.timeframe][2])
        stop = end if most is None else min(end, start + most)
        covered_to = min(stop, now - _SETTLES)
        if covered_to <= start:
            return Page(_no_rows(self.revises(key)), None, end)
        frame, notes = self._rows(key, start, stop, now, retry)
        frame = frame.filter(pl.col(TIME) >= start, pl.col(TIME) < covered_to)
        kept_to = self._answered_to(key, frame, start, covered_to, now)
        covered = (start, kept_to) if kept_to > start else None
        note = "; ".join(notes) or None
        return Page(frame.filter(pl.col(TIME) < kept_to), covered, end if kept_to < stop else stop, note)

    def _rows(
        self, key: SeriesKey, start: datetime, stop: datetime, now: datetime, retry: Retry
    ) -> tuple[pl.DataFrame, tuple[str, ...]]:
        listing, adjusted = self._listings[key.symbol], self.revises(key)
        days = self._days(key.symbol, start - 2 * _DAY, now, retry)
        rows = days if key.timeframe >= _DAY else self._short(key, start - key.timeframe, stop, retry)
        if rows is None or days is None:
            return _no_rows(adjusted), ()
        rows, notes = with_splits_applied(rows, days, listing.zone)
        frame = frame_of(
            rows,
            adjusted=adjusted,
            splits=days,
            timeframe=key.timeframe,
            zone=listing.zone,
            calendar=listing.calendar,
        )
        return frame, notes

    def _days(self, symbol: str, start: datetime, now: datetime, retry: Retry) -> Answered | None:
        """Daily rows from before `start` until now, as every later split counts; asked for once."""
        with self._lock:
            held = self._daily.get(symbol)
        if held is not None and held[0] <= start:
            return held[1]
        rows = self._history(symbol, "1d", start, now + _DAY, retry)
        if rows is not None:
            with self._lock:
                self._daily[symbol] = (start, rows)
        return rows

    def _short(self, key: SeriesKey, start: datetime, stop: datetime, retry: Retry) -> Answered | None:
        return self._history(key.symbol, _INTRADAY[key.timeframe][0], start, stop, retry)

    def _history(self, symbol: str, interval: str, start: datetime, stop: datetime, retry: Retry) -> Answered | None:
        def question() -> Answered:
            ticker = yfinance.Ticker(symbol, session=self._session)
            options = {"auto_adjust": False, "actions": True, "prepost": False}
            return Answered.of(ticker.history(start=start, end=stop, interval=interval, **options))

        try:
            return retry.call(lambda: ask(self._session, question))
        except NoDataError:
            return None

    def _answered_to(
        self, key: SeriesKey, frame: pl.DataFrame, start: datetime, covered_to: datetime, now: datetime
    ) -> datetime:
        """Until when the answer counts: a session that closed lately, and is absent, may still come."""
        calendar = self._listings[key.symbol].calendar
        since = max(start, now - _LATE)
        if calendar is None or since >= covered_to:
            return covered_to
        times = frame[TIME].dt.epoch("us").to_numpy()
        closed = sessions(calendar, _us(since), _us(covered_to))
        due = (closed.close_us > _us(since)) & (closed.close_us < _us(covered_to))
        if times.size:  # before the first row it may not have been listed yet
            due &= closed.close_us > times[0]
        rows_to_close = np.searchsorted(times, closed.close_us, side="right")
        absent = np.flatnonzero(due & (rows_to_close == np.searchsorted(times, closed.open_us, side="right")))
        if not absent.size:
            return covered_to
        return max(start, datetime.fromtimestamp(int(closed.open_us[absent[0]]) / 1e6, UTC))

    def _listing(self, symbol: str, retry: Retry) -> _Listing:
        def question() -> dict[str, str]:
            ticker = yfinance.Ticker(symbol, session=self._session)
            try:
                ticker.history(period="5d", interval="1d")
            except yfinance.exceptions.YFPricesMissingError:
                if not ticker.history_metadata.get("exchangeTimezoneName"):
                    raise
            names = ("exchangeTimezoneName", "exchangeName", "instrumentType", "currency")
            return {name: ticker.history_metadata.get(name) or "" for name in names}

        try:
            meta = retry.call(lambda: ask(self._session, question))
        except NoDataError as error:
            raise UnknownNameError(f"symbol of {NAME}", symbol, self._alike(symbol, retry)) from error
        calendar = calendar_of(meta["exchangeName"], meta["instrumentType"])
        return _Listing(meta["exchangeTimezoneName"], calendar, meta["currency"])

    def _alike(self, symbol: str, retry: Retry) -> list[str]:
        """Symbols that Yahoo's own search finds; a few everyday ones where it finds none or can't be asked."""

        def question() -> list[str]:
            quotes = yfinance.Search(
                symbol, max_results=8, news_count=0, lists_count=0, enable_fuzzy_query=True, session=self._session
            ).quotes
            return [str(quote["symbol"]) for quote in quotes if "symbol" in quote]

        try:
            symbols = retry.call(lambda: ask(self._session, question))
        except (NoDataError, FeedError):
            symbols = []
        return symbols or ["AAPL", "BRK-B", "SAP.DE", "^GSPC"]


def _no_rows(adjusted: bool) -> pl.DataFrame:
    names = ["open", "high", "low", "close", "volume", *(() if adjusted else ("dividends", "splits"))]
    return pl.DataFrame(schema={TIME: pl.Datetime("us", "UTC"), **dict.fromkeys(names, pl.Float64)})


def _us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
