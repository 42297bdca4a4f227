"""A real HTTP server on loopback that answers as Yahoo's chart endpoint does to yfinance, and fails on demand.

It holds bars as they were traded, with dividends and splits, and hands them on as Yahoo does: all prices divided by
every split until its own now, and `adjclose` times one less the dividend's share of the close before, as CRSP counts.
Cookie, crumb and search are there too, and a running session is answered as an unfinished bar.
"""

from __future__ import annotations

import json
import socket
import sys
import time
import warnings
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np

from loopback import on_loopback

STEPS = {"1m": 1, "2m": 2, "5m": 5, "15m": 15, "1h": 60, "60m": 60, "90m": 90}
DAYS_KEPT = {"1m": 30, "2m": 60, "5m": 60, "15m": 60, "1h": 730, "60m": 730, "90m": 60}
FAULTS = (
    "429",
    "429 later",
    "500",
    "503 json",
    "cut",
    "half json",
    "silent",
    "shapeless",
    "no chart",
    "back soon",
    "reordered",
    "repeated",
)


@dataclass
class Stock:
    """A symbol as it was traded.

    Attributes:
        days, opens, closes: its sessions: dates and moments in seconds since the epoch.
        prices: [sessions, 4], open, high, low, close; `volumes` [sessions]; both as traded on the day.
        dividends: an amount by date, `gains` likewise; `splits`: (new, old) shares by date.
    """

    symbol: str
    days: list[date]
    opens: list[int]
    closes: list[int]
    prices: np.ndarray[Any, Any]
    volumes: np.ndarray[Any, Any]
    exchange: str = "NMS"
    kind: str = "EQUITY"
    zone: str = "America/New_York"
    currency: str = "USD"
    dividends: dict[date, float] = field(default_factory=dict)
    splits: dict[date, tuple[int, int]] = field(default_factory=dict)
    gains: dict[date, float] = field(default_factory=dict)


def make_stock(
    symbol: str,
    first: str,
    last: str,
    calendar: str = "XNYS",
    splits: dict[date, tuple[int, int]] | None = None,
    dividends: dict[date, float] | None = None,
    **said: str,
) -> Stock:
    """Prices of a random walk, seeded by the symbol, that splits divide on their day."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the package's own use of pandas
        table = exchange_calendars.get_calendar(calendar, start=first, end=last).schedule
    rng = np.random.default_rng(sum(map(ord, symbol)))
    count, splits = len(table), splits or {}
    days = [stamp.date() for stamp in table.index]
    close = 80 * np.exp(np.cumsum(rng.normal(0, 0.01, count)))
    opened = close * np.exp(rng.normal(0, 0.005, count))
    spread = np.exp(np.abs(rng.normal(0, 0.004, (2, count))))
    prices = np.stack(
        [opened, np.maximum(opened, close) * spread[0], np.minimum(opened, close) / spread[1], close], axis=1
    )
    shares = np.array([np.prod([new / old for day, (new, old) in splits.items() if day <= d]) for d in days])
    volumes = np.round(rng.uniform(1e6, 2e6, count) * shares)
    seconds = [[int(moment.timestamp()) for moment in table[name]] for name in ("open", "close")]
    return Stock(
        symbol, days, *seconds, prices / shares[:, None], volumes, splits=splits, dividends=dividends or {}, **said
    )


@dataclass
class YahooServer:
    """The server's state.

    Attributes:
        stocks: by symbol.
        now: by the server's clock.
        faults: taken one after another, each by the next question for a chart.
        withheld: sessions that it does not give yet, counted from the newest, which is 0.
        undivided: symbols whose splits are listed and not in the prices before them.
        asked: the charts asked for: symbol, interval, and first and last second or range.
    """

    stocks: dict[str, Stock]
    now: datetime
    faults: list[str] = field(default_factory=list)
    withheld: tuple[int, ...] = ()
    undivided: frozenset[str] = frozenset()
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    url: str = ""

    def chart(self, symbol: str, query: dict[str, str]) -> tuple[int, Any]:
        """Status and JSON of one question."""
        interval = query["interval"]
        self.asked.append((symbol, interval, query.get("range") or f"{query['period1']}-{query['period2']}"))
        stock = self.stocks.get(symbol)
        if stock is None:
            return 404, error("Not Found", "No data found, symbol may be delisted")
        now = int(self.now.timestamp())
        if "range" in query:
            first, last = now - {"1d": 4, "5d": 7}[query["range"]] * 86_400, now
        else:
            first, last = int(query["period1"]), int(query["period2"])
        if interval in DAYS_KEPT and first < now - DAYS_KEPT[interval] * 86_400:
            kept = f"The requested range must be within the last {DAYS_KEPT[interval]} days."
            return 422, error("Unprocessable Entity", f"{interval} data not available for startTime={first}. {kept}")
        if interval == "1m" and last - first > 8 * 86_400:
            return 422, error("Unprocessable Entity", "Only 8 days worth of 1m granularity data are allowed")
        result = self._result(stock, interval, first, min(last, now), now)
        if not result["timestamp"]:
            if "range" in query:
                return 200, {
                    "chart": {"result": [{"meta": result["meta"], "indicators": {"quote": [{}]}}], "error": None}
                }
            return 400, error("Bad Request", f"Data doesn't exist for startDate = {first}, endDate = {last}")
        return 200, {"chart": {"result": [result], "error": None}}

    def _result(self, stock: Stock, interval: str, first: int, last: int, now: int) -> dict[str, Any]:
        begun = [n for n in range(len(stock.days)) if stock.opens[n] <= now]
        begun = [n for place, n in enumerate(reversed(begun)) if place not in self.withheld][::-1]
        if interval == "1d":
            bars = [(stock.opens[n], n, stock.prices[n], float(stock.volumes[n])) for n in begun]
        else:
            near = [n for n in begun if stock.closes[n] >= first and stock.opens[n] < last]
            bars = [bar for n in near for bar in self._short(stock, n, STEPS[interval] * 60, now)]
        midnights = {n: midnight(stock, n) for n in begun}
        shown = [bar for bar in bars if (midnights[bar[1]] if interval == "1d" else bar[0]) >= first and bar[0] < last]
        shares = [self._later_splits(stock, stock.days[n], now) for _, n, _, _ in shown]
        adjusted = [self._later_dividends(stock, n, begun) for _, n, _, _ in shown]
        quote: dict[str, list[float | None]] = {
            name: [float(price[place]) / share for (_, _, price, _), share in zip(shown, shares, strict=True)]
            for place, name in enumerate(("open", "high", "low", "close"))
        }
        close = quote["close"]
        quote["volume"] = [round(volume * share) for (_, _, _, volume), share in zip(shown, shares, strict=True)]
        indicators: dict[str, Any] = {"quote": [quote]}
        if interval == "1d":
            factors = zip(close, adjusted, strict=True)
            indicators["adjclose"] = [{"adjclose": [(price or 0) * factor for price, factor in factors]}]
        inside = [n for n in begun if first <= midnights[n] < last]
        dividends = {
            str(stock.opens[n]): {
                "amount": amount / self._later_splits(stock, stock.days[n], now),
                "date": stock.opens[n],
            }
            for n in inside
            if (amount := stock.dividends.get(stock.days[n]))
        }
        splits = {
            str(stock.opens[n]): {
                "date": stock.opens[n],
                "numerator": new,
                "denominator": old,
                "splitRatio": f"{new}:{old}",
            }
            for n in inside
            for new, old in [stock.splits.get(stock.days[n], (0, 0))]
            if new
        }
        gains = {
            str(stock.opens[n]): {"amount": stock.gains[stock.days[n]], "date": stock.opens[n]}
            for n in inside
            if stock.days[n] in stock.gains
        }
        kinds = (("dividends", dividends), ("splits", splits), ("capitalGains", gains))
        events = {name: told for name, told in kinds if told}
        meta = {
            "currency": stock.currency,
            "symbol": stock.symbol,
            "exchangeName": stock.exchange,
            "instrumentType": stock.kind,
            "exchangeTimezoneName": stock.zone,
            "timezone": "EST",
            "gmtoffset": -18_000,
            "regularMarketTime": now,
            "firstTradeDate": stock.opens[0],
            "dataGranularity": interval,
            "priceHint": 2,
            "range": "",
            "validRanges": ["1d", "5d", "1mo", "max"],
        }
        if interval != "1d":
            meta["tradingPeriods"] = [
                [{"timezone": "EST", "start": stock.opens[n], "end": stock.closes[n], "gmtoffset": -18_000}]
                for n in begun
            ]
        told = {"meta": meta, "timestamp": [bar[0] for bar in shown], "indicators": indicators}
        return told | ({"events": events} if events else {})

    @staticmethod
    def _short(stock: Stock, n: int, step: int, now: int) -> list[tuple[int, int, Any, float]]:
        """Bars of a session, the last cut by its close: a line from its open to its close."""
        opened, closed = stock.opens[n], stock.closes[n]
        edges = [*range(opened, closed, step), closed]
        way = np.interp(edges, [opened, closed], [stock.prices[n, 0], stock.prices[n, 3]])
        bars = []
        for place, stamp in enumerate(edges[:-1]):
            if stamp <= now:
                ends = way[place], way[place + 1]
                bars.append((stamp, n, np.array([ends[0], max(ends), min(ends), ends[1]]), 100.0 + place))
        return bars

    def _later_splits(self, stock: Stock, day: date, now: int) -> float:
        """Shares now for one of that day."""
        if stock.symbol in self.undivided:
            return 1.0
        today = datetime.fromtimestamp(now, UTC).date()
        return float(np.prod([new / old for when, (new, old) in stock.splits.items() if day < when <= today]))

    @staticmethod
    def _later_dividends(stock: Stock, n: int, begun: list[int]) -> float:
        later = [m for m in begun if m > n and stock.days[m] in stock.dividends]
        return float(np.prod([1 - stock.dividends[stock.days[m]] / _basis(stock, m) for m in later]))


def _basis(stock: Stock, m: int) -> float:
    """The close before the ex-date, in shares of the ex-date."""
    new, old = stock.splits.get(stock.days[m], (1, 1))
    return float(stock.prices[m - 1, 3]) * old / new


def midnight(stock: Stock, n: int) -> int:
    """The second at which a session's date begins at the exchange."""
    day = stock.days[n]
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(stock.zone)).timestamp())


def error(code: str, description: str) -> dict[str, Any]:
    return {"chart": {"result": None, "error": {"code": code, "description": description}}}


def shuffled(chart: dict[str, Any], fault: str) -> dict[str, Any]:
    """The same rows back to front, or the third one twice."""
    (result,) = chart["chart"]["result"]
    order = list(range(len(result["timestamp"])))
    order = order[::-1] if fault == "reordered" else [*order[:3], *order[2:]]
    for holder in (result, *result["indicators"]["quote"], *result["indicators"].get("adjclose", ())):
        for name, values in holder.items():
            if isinstance(values, list) and name != "quote":
                holder[name] = [values[n] for n in order]
    return chart


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: YahooServer

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        if split.path.startswith("/v8/finance/chart/"):
            self._chart(unquote(split.path.rpartition("/")[2]), query)
        elif split.path == "/v1/test/getcrumb":
            self._send(200, b"Cr/umb", "text/plain")
        elif split.path == "/v1/finance/search":
            wanted = query["q"].upper()[:2]
            quotes = [{"symbol": name} for name in self.state.stocks if name.startswith(wanted)]
            self._send(200, json.dumps({"quotes": quotes, "news": []}).encode())
        else:  # the cookie comes with a page that is not there
            self._send(404, b"<html>no page</html>", "text/html", {"Set-Cookie": "A3=cookie; Path=/"})

    def _chart(self, symbol: str, query: dict[str, str]) -> None:
        fault = self.state.faults.pop(0) if self.state.faults else ""
        if fault == "429":
            self._send(429, b"Too Many Requests", "text/plain")
        elif fault == "429 later":
            self._send(429, b"Too Many Requests", "text/plain", {"Retry-After": "0.1"})
        elif fault == "500":
            self._send(500, b"<html>Internal Server Error</html>", "text/html")
        elif fault == "503 json":
            self._send(503, json.dumps(error("Internal", "Service Unavailable")).encode())
        elif fault == "silent":
            time.sleep(1.5)
            self.close_connection = True
        else:
            status, value = self.state.chart(symbol, query)
            body = json.dumps(value).encode()
            if fault == "no chart":
                body = b'{"finance": {"result": null, "error": null}}'
            elif fault == "back soon":
                body = b"<html>Will be right back</html>"
            elif fault == "shapeless":
                body = b'{"chart": {"result": [{"meta": {}}], "error": null}}'
            elif fault in ("reordered", "repeated") and status == 200:
                body = json.dumps(shuffled(value, fault)).encode()
            if fault == "half json":
                body = body[: len(body) // 2]
            self._send(status, body, cut=fault == "cut")

    def _send(
        self,
        status: int,
        body: bytes,
        kind: str = "application/json",
        headers: dict[str, str] | None = None,
        cut: bool = False,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.wfile.flush()
        if cut:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        pass


def serve_yahoo(state: YahooServer) -> AbstractContextManager[YahooServer]:
    """Runs the server on a free port of loopback; `state.url` is its address."""
    _forget_earlier_homes()
    return on_loopback(_Handler, state)


def _forget_earlier_homes() -> None:
    """yfinance keeps its caches where it was first asked, for the whole process; a test's home is gone by the next."""
    if cache := sys.modules.get("yfinance.cache"):
        cache._TzCacheManager._tz_cache = None
        cache._CookieCacheManager._Cookie_cache = None
        cache._ISINCacheManager._isin_cache = None
