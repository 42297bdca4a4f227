"""A server on loopback that answers as Coinbase does for candles, faults included; Binance's shape beside it.

It stands where the exchange stands: ccxt talks to it over HTTP, so what a test proves holds for the whole way down.
"""

from __future__ import annotations

import json
import random
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from loopback import on_loopback

MINUTE = 60
GRANULARITIES = {
    "ONE_MINUTE": 1,
    "FIVE_MINUTE": 5,
    "FIFTEEN_MINUTE": 15,
    "THIRTY_MINUTE": 30,
    "ONE_HOUR": 60,
    "TWO_HOUR": 120,
    "SIX_HOUR": 360,
    "ONE_DAY": 1440,
}
INTERVALS = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "1d": 1440}
# What may befall a request for candles; anything else answers as it should.
REFUSALS = ("429", "429 date", "500", "503", "cut", "reset", "truncated", "html", "null", "no list", "slow")
FAULTS = (*REFUSALS, "duplicates", "reordered")


def epoch(time: datetime) -> int:
    """Whole seconds."""
    return int(time.replace(tzinfo=UTC).timestamp())


class Market:
    """Minutes of one symbol between two moments, the same for the same seed; some have no trade, some are an outage.

    Args:
        symbol: as Coinbase spells it, BTC-USD.
        first, last: listed from and until, exclusive.
        seed: of the prices.
        absent: share of minutes without a trade.
        outages: [from, to) spans without any candle.
    """

    def __init__(
        self,
        symbol: str,
        first: datetime,
        last: datetime,
        seed: int = 0,
        absent: float = 0.02,
        outages: Iterable[tuple[datetime, datetime]] = (),
    ) -> None:
        self.symbol = symbol
        self.first = epoch(first)
        count = (epoch(last) - self.first) // MINUTE
        rng = np.random.default_rng(seed)
        steps = rng.normal(0.0, 3e-4, count)
        close = np.round(30_000.0 * np.exp(np.cumsum(steps)), 2)
        open_ = np.concatenate([[30_000.0], close[:-1]])
        wick = np.abs(rng.normal(0.0, 2e-4, (2, count)))
        high = np.round(np.maximum(open_, close) * (1 + wick[0]), 2)
        low = np.round(np.minimum(open_, close) * (1 - wick[1]), 2)
        self.values = np.stack([open_, high, low, close, np.round(rng.gamma(2.0, 1.0, count), 8)])
        self.there = rng.random(count) >= absent
        for begin, end in outages:
            self.there[(epoch(begin) - self.first) // MINUTE : (epoch(end) - self.first) // MINUTE] = False

    def candles(self, start: int, end: int, minutes: int, now: int) -> list[tuple[int, list[float]]]:
        """Candles that open in [start, end], oldest first; the one that is not finished at `now` holds what it has."""
        step, found = minutes * MINUTE, []
        for opened in range(-(-start // step) * step, min(end, now) + 1, step):
            low = max(0, (opened - self.first) // MINUTE)
            high = min(len(self.there), (min(opened + step, now + 1) - self.first + MINUTE - 1) // MINUTE)
            inside = np.flatnonzero(self.there[low:high]) + low if high > low else []
            if len(inside):
                o, h, l_, c, v = self.values[:, inside]
                if opened + step > now:  # volume still grows
                    v = v * 0.5
                found.append((opened, [float(o[0]), float(h.max()), float(l_.min()), float(c[-1]), float(v.sum())]))
        return found


@dataclass
class CandleServer:
    """The server's state; `with serve(...)` runs it.

    Attributes:
        markets: by symbol.
        now: the exchange's clock.
        faults: taken one a request for candles; None and an empty queue answer well.
        most_rows: how many candles one answer holds at most.
        oldest_first: whether an answer that is cut to `most_rows` holds the first ones instead of the newest.
        delay_seconds, slow_seconds: before every answer for candles, and before one with the fault "slow".
        changed: factors of the close by (symbol, open).
        spoil: what becomes of the candles of each answer before they are sent.
        asked: (symbol, start, end) of every request for candles.
    """

    markets: dict[str, Market]
    now: datetime
    faults: deque[str | None] = field(default_factory=deque)
    most_rows: int = 300
    oldest_first: bool = False
    delay_seconds: float = 0.0
    slow_seconds: float = 0.3
    changed: dict[tuple[str, int], float] = field(default_factory=dict)
    spoil: Callable[[list[Any]], list[Any]] = list
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rows(self, symbol: str, start: int, end: int, minutes: int) -> list[tuple[int, list[float]]]:
        """Candles that open in [start, end], oldest first, clamped."""
        rows = self.markets[symbol].candles(start, end, minutes, epoch(self.now))
        for opened, values in rows:
            values[3] *= self.changed.get((symbol, opened), 1.0)
            values[1], values[2] = max(values[1], values[3]), min(values[2], values[3])
        return rows[: self.most_rows] if self.oldest_first else rows[-self.most_rows :]

    def next_fault(self, symbol: str, start: int, end: int) -> str | None:
        with self.lock:
            self.asked.append((symbol, start, end))
            return self.faults.popleft() if self.faults else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms for the client to acknowledge its headers
    state: CandleServer

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        parts = url.path.strip("/").split("/")
        if parts[-1] == "products":
            spot = "product_type" not in query
            self._json({"products": [_product(name) for name in self.state.markets] if spot else []})
        elif parts[-1] == "candles":
            self._candles(parts[-2], query)
        elif parts[-1] == "exchangeInfo":
            spot = parts[0] == "api"
            self._json({"symbols": [_binance_symbol(name) for name in self.state.markets] if spot else []})
        elif parts[-1] == "klines":
            self._klines(query)
        else:
            self._json({"error": "NOT_FOUND", "error_details": self.path}, 404)

    def _candles(self, symbol: str, query: dict[str, str]) -> None:
        start, end = int(query["start"]), int(query["end"])
        rows = self.state.rows(symbol, start, end, GRANULARITIES[query["granularity"]])
        names = ("open", "high", "low", "close", "volume")
        shown = [
            {"start": str(opened), **dict(zip(names, map(repr, values), strict=True))} for opened, values in rows[::-1]
        ]
        self._answer(shown, lambda listed: {"candles": listed}, self.state.next_fault(symbol, start, end))

    def _klines(self, query: dict[str, str]) -> None:
        symbol = next(name for name in self.state.markets if name.replace("-", "") == query["symbol"])
        minutes, limit = INTERVALS[query["interval"]], min(1000, int(query.get("limit", 500)))
        start, end = -(-int(query["startTime"]) // 1000), int(query["endTime"]) // 1000
        rows = self.state.markets[symbol].candles(start, end, minutes, epoch(self.state.now))[:limit]
        shown = [
            [opened * 1000, *map(repr, values), (opened + minutes * MINUTE) * 1000 - 1, "0", 1, "0", "0", "0"]
            for opened, values in rows
        ]
        self._answer(shown, lambda listed: listed, self.state.next_fault(symbol, start, end))

    def _answer(self, shown: list[Any], wrap: Any, fault: str | None) -> None:
        if self.state.delay_seconds:
            time.sleep(self.state.delay_seconds)
        rng = random.Random(len(self.state.asked))
        shown = self.state.spoil(shown)
        if fault == "slow":
            time.sleep(self.state.slow_seconds)
        if fault == "duplicates" and shown:
            shown = shown + rng.choices(shown, k=min(5, len(shown)))
        if fault in ("reordered", "duplicates"):
            rng.shuffle(shown)
        whole = json.dumps(wrap(shown)).encode()
        if fault == "429":
            self._send(b'{"error": "rate limit"}', 429, {"Retry-After": "0.05"})
        elif fault == "429 date":
            self._send(b"slow down", 429, {"Retry-After": self.date_time_string()})
        elif fault in ("500", "503"):
            self._send(b'{"error": "INTERNAL", "message": "oops"}', int(fault))
        elif fault == "404":
            self._send(b"no such thing", 404)
        elif fault == "cut":  # less than was announced, then the end
            self._headers(200, len(whole))
            self.wfile.write(whole[: len(whole) // 2])
            self.close_connection = True
        elif fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif fault == "truncated":  # whole for HTTP, and no JSON
            self._send(whole[: max(1, len(whole) * 2 // 3)], 200)
        elif fault == "html":
            self._send(b"<html><body>We'll be right back.</body></html>", 200, {"Content-Type": "text/html"})
        elif fault == "null":
            self._send(b"null", 200)
        elif fault == "no list":
            self._send(b"{}", 200)
        else:
            self._send(whole, 200)

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), status)

    def _send(self, body: bytes, status: int, headers: dict[str, str] | None = None) -> None:
        self._headers(status, len(body), headers)
        self.wfile.write(body)

    def _headers(self, status: int, length: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        said = {"Content-Type": "application/json", "Content-Length": str(length), **(headers or {})}
        for name, value in said.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def serve(state: CandleServer) -> AbstractContextManager[CandleServer]:
    """Runs the server on a free port of loopback; `state.url` is its address."""
    return on_loopback(_Handler, state)


def _product(symbol: str) -> dict[str, Any]:
    base, quote = symbol.split("-")
    return {
        "product_id": symbol,
        "base_currency_id": base,
        "quote_currency_id": quote,
        "product_type": "SPOT",
        "base_increment": "0.00000001",
        "price_increment": "0.01",
        "trading_disabled": False,
        "status": "online",
        "alias_to": [],
    }


def _binance_symbol(symbol: str) -> dict[str, Any]:
    base, quote = symbol.split("-")
    return {
        "symbol": base + quote,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "isSpotTradingAllowed": True,
        "permissions": ["SPOT"],
        "orderTypes": [],
        "filters": [],
    }
