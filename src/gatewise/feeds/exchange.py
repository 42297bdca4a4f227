"""Any exchange that ccxt carries, asked for finished candles."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import ccxt

from gatewise.config.durations import format_duration, parse_duration
from gatewise.errors import FeedError, UnknownNameError
from gatewise.feeds.answers import MISSHAPEN, Answers, ask
from gatewise.feeds.base import FeedOptions, Page, base_url
from gatewise.feeds.candles import Row
from gatewise.feeds.limiter import Limiter
from gatewise.feeds.names import nearest
from gatewise.feeds.paging import Pager, frame_of, milliseconds
from gatewise.feeds.retry import Retry, TransientError
from gatewise.lake.base import TIME, SeriesKey

_DAY = timedelta(days=1)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_ROWS_WHERE_UNKNOWN = 100
_FIRST_BLOCK = datetime(2009, 1, 3, tzinfo=UTC)  # of Bitcoin; some exchanges refuse times of long ago
_FAR_BEHIND = timedelta(minutes=1)
# The last trades of a candle reach it a little after its close, and what the lake takes it keeps.
_LAGS = timedelta(seconds=5)


class _Client(threading.local):
    """What each thread has of its own: ccxt's object and its connection."""

    exchange: Any = None
    answers: Answers
    retry: Retry


class ExchangeFeed:
    """One exchange; no credentials, as candles are public.

    Args:
        name: ccxt's id, such as coinbase.
        options: where and how fast to ask.
        timeout_seconds: how long one answer may take.

    Raises:
        FeedError: ccxt has no candles of this exchange.
    """

    def __init__(self, name: str, options: FeedOptions, timeout_seconds: float = 10.0) -> None:
        self.name = name
        self.default_timeframe = timedelta(minutes=1)
        self._clock = options.clock
        self._exchange: Any = getattr(ccxt, name)({"timeout": round(timeout_seconds * 1000)})
        if not self._exchange.has.get("fetchOHLCV"):
            raise FeedError(f"{name} gives no candles", "another exchange: coinbase, kraken, binance, …")
        self._exchange.has["fetchCurrencies"] = False  # a request or more, and nothing here needs them
        address = base_url(options)
        self._called = name if address is None else f"{name} at {urlsplit(address).hostname}"
        if address is not None:
            self._exchange.urls["api"] = _moved(self._exchange.urls["api"], self._exchange.hostname, address)
        each = options.requests_per_second
        self._limiter = Limiter(1 / each if each else self._exchange.rateLimit / 1000, fixed=bool(each))
        self._names = _timeframes(self._exchange.timeframes)
        self._lock = threading.Lock()
        self._client = _Client()
        self._markets: dict[str, str] = {}
        self._pagers: dict[tuple[SeriesKey, timedelta], Pager] = {}
        self._takes_until = True

    def resolve(self, symbol: str, timeframe: timedelta, retry: Retry) -> SeriesKey:
        """See `Feed.resolve`; BTC-USD, BTC/USD, btc-usd and the exchange's own id all name one symbol."""
        if timeframe not in self._names:
            known = map(format_duration, self._names)
            raise UnknownNameError(f"timeframe of {self.name}", format_duration(timeframe), known, parse_duration)
        exchange = self._open(retry)
        market = _market(exchange, symbol)
        if market is None:
            names = (_typed(one["symbol"]) for one in exchange.markets.values() if one.get("spot") or ":" in symbol)
            raise UnknownNameError(f"symbol of {self.name}", symbol, nearest(symbol.replace("/", "-"), names))
        self._markets[_typed(market["symbol"])] = market["symbol"]
        return SeriesKey(self.name, _typed(market["symbol"]), timeframe)

    def facts(self, key: SeriesKey) -> dict[str, str]:
        """The currency of prices and the exchange's spelling of the symbol."""
        market = self._exchange.markets[self._markets[key.symbol]]
        return {"market": market["symbol"], "currency": market["quote"] or "", "stamp": "close"}

    def oldest(self, key: SeriesKey) -> datetime | None:
        """Exchanges keep all, or say so page by page."""
        return None

    def revises(self, key: SeriesKey) -> bool:
        """A candle that is finished stays as it is."""
        return False

    def page(self, key: SeriesKey, start: datetime, end: datetime, retry: Retry) -> Page:
        """See `Feed.page`; where a page is empty, longer candles tell where the next one is."""
        exchange = self._open(retry)
        if start > self._now():
            return Page(frame_of([]), None, end, self._clock_note())
        if start < _FIRST_BLOCK:
            return Page(frame_of([]), None, min(end, _FIRST_BLOCK))
        page = self._asked(exchange, key, key.timeframe, start, end, retry)
        longest = max((length for length in self._names if length <= _DAY), default=key.timeframe)
        if page.covered is None or page.resume >= end or not page.frame.is_empty() or longest < 2 * key.timeframe:
            return page
        resume = self._next_candle(exchange, key, longest, page.resume, end, retry)
        return Page(page.frame, (start, resume), resume, left_out=page.left_out)

    def _next_candle(
        self, exchange: Any, key: SeriesKey, longer: timedelta, start: datetime, end: datetime, retry: Retry
    ) -> datetime:
        """The first time from `start` on at which there may be a candle, told by longer ones; at most `end`.

        Years before a symbol was listed would else be asked for in minutes.
        """
        cursor = start
        while cursor < end + longer and cursor <= self._now():
            page = self._asked(exchange, key, longer, cursor, end + longer, retry)
            if not page.frame.is_empty():
                cursor = page.frame[TIME][0]
                break
            if page.covered is None:
                break
            cursor = page.covered[1]
            if page.resume != cursor:
                break
        # A longer candle that closes at the cursor, or is not finished there, may hold one of ours right at its open.
        return min(end, max(start, cursor - longer + key.timeframe))

    def _asked(
        self, exchange: Any, key: SeriesKey, length: timedelta, start: datetime, end: datetime, retry: Retry
    ) -> Page:
        symbol, name = self._markets[key.symbol], self._names[length]
        if (key, length) not in self._pagers:
            limit = exchange.feature_value(symbol, "fetchOHLCV", "limit")
            self._pagers[key, length] = Pager(length, max(2, int(limit or _ROWS_WHERE_UNKNOWN)))

        def candles(first: datetime, last: datetime, count: int) -> Sequence[Row]:
            return retry.call(lambda: self._candles(exchange, symbol, name, first, last, count))

        return self._pagers[key, length].page(candles, start, end, self._now())

    def _candles(
        self, exchange: Any, symbol: str, timeframe: str, first: datetime, last: datetime, count: int
    ) -> Sequence[Row]:
        def fetch(params: dict[str, int]) -> list[Row]:
            rows: list[Row] = exchange.fetch_ohlcv(symbol, timeframe, milliseconds(first), count, params)
            if not rows and not self._client.answers.held_list:
                raise TransientError(f"{self._called} answered without a list of candles")
            return rows

        if not self._takes_until:
            return ask(self._called, lambda: fetch({}))
        try:
            return ask(self._called, lambda: fetch({"until": milliseconds(last)}))
        except FeedError as error:
            if not isinstance(error.__cause__, ccxt.ExchangeError):
                raise
            rows = ask(self._called, lambda: fetch({}))  # some exchanges refuse a parameter that they don't know
            self._takes_until = False
            return rows

    def _wait(self, price: float | None = None) -> None:
        """The pace of all threads; Ctrl-C ends this wait as it ends those between tries."""
        self._limiter.wait(price, self._client.retry.sleep)

    def _clock_note(self) -> str | None:
        behind = self._client.answers.behind
        if behind < _FAR_BEHIND:
            return None
        return f"the clock of {self._called} is {behind} behind ours: bars that it has not finished are left for later"

    def _load_markets(self, exchange: Any) -> None:
        if not exchange.load_markets():
            raise TransientError(f"{self._called} lists no symbol")

    def _now(self) -> datetime:
        """The moment up to which bars are finished, by our clock and by the exchange's."""
        behind = self._client.answers.behind if self._client.exchange else timedelta(0)
        return self._clock() - behind - _LAGS

    def _open(self, retry: Retry) -> Any:
        """This thread's own ccxt object over the markets that all threads share."""
        client = self._client
        client.retry = retry
        if client.exchange is None:
            client.answers = Answers(self._called, self._limiter.hold)
            client.exchange = copy.copy(self._exchange)
            client.exchange.session = client.answers.session()
            client.exchange.throttle = self._wait
            client.exchange.parse_ohlcvs = partial(_parsed, client.exchange)
        with self._lock:
            if not self._exchange.markets:
                retry.call(lambda: ask(self._called, lambda: self._load_markets(client.exchange)))
                for shared in ("markets", "markets_by_id", "symbols", "ids", "currencies", "currencies_by_id"):
                    setattr(self._exchange, shared, getattr(client.exchange, shared))
        if not client.exchange.markets:
            client.exchange.markets = self._exchange.markets
            client.exchange.markets_by_id = self._exchange.markets_by_id
        return client.exchange


def _parsed(exchange: Any, candles: Sequence[Any], market: Any = None, *_: Any, **__: Any) -> list[Row]:
    """In place of ccxt's own, which sorts and cuts, and so breaks on one candle without a stamp: our pager does that.

    A candle of another shape than the others is an empty row; where all are, the answer is.
    """
    rows: list[Row] = []
    broken: Exception | None = None
    for candle in candles:
        try:
            rows.append(exchange.parse_ohlcv(candle, market))
        except MISSHAPEN as error:
            broken = error
            rows.append(())
    if broken is not None and not any(rows):
        raise broken
    return rows


def _typed(market_symbol: str) -> str:
    """BTC/USD as users type it and as the lake names it: BTC-USD."""
    return market_symbol.replace("/", "-", 1)


def _market(exchange: Any, symbol: str) -> dict[str, Any] | None:
    """The market that a user means; where an id names several, the spot one."""
    spellings = (symbol, symbol.replace("-", "/", 1), symbol.upper(), symbol.upper().replace("-", "/", 1))
    for spelling in spellings:
        if spelling in exchange.markets:
            market: dict[str, Any] = exchange.markets[spelling]
            return market
    for spelling in spellings:
        if spelling in exchange.markets_by_id:
            of_id: list[dict[str, Any]] = exchange.markets_by_id[spelling]
            return next((market for market in of_id if market.get("spot")), of_id[0])
    return None


def _timeframes(of_ccxt: dict[str, Any] | None) -> dict[timedelta, str]:
    """ccxt's names by length; months and years have none."""
    offered = [name for name, theirs in (of_ccxt or {}).items() if theirs is not None]
    names = [name for name in offered if name[-1] in _SECONDS and name[:-1].isdecimal()]
    return {timedelta(seconds=int(name[:-1]) * _SECONDS[name[-1]]): name for name in names}


def _moved(urls: Any, hostname: str | None, address: str) -> Any:
    """The exchange's addresses with another scheme, host and port, and the same paths."""
    if isinstance(urls, dict):
        return {name: _moved(url, hostname, address) for name, url in urls.items()}
    if not isinstance(urls, str):
        return urls
    return address + urlsplit(urls.replace("{hostname}", hostname or "")).path
