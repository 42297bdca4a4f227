"""Requests to Yahoo: yfinance makes them, over a session that paces them, can send them elsewhere, and keeps answers.

yfinance keeps one session, cookie and crumb for the whole process and tells a wrong symbol, a busy server and a broken
answer apart by words only. So every question is asked under one lock, and judged by the status that really came.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import yfinance
from curl_cffi import requests
from yfinance.data import YfData
from yfinance.exceptions import YFException, YFRateLimitError

from gatewise.errors import FeedError, GatewiseError
from gatewise.feeds.answers import retry_after_seconds
from gatewise.feeds.limiter import Limiter
from gatewise.feeds.retry import TransientError
from gatewise.foreign import unraised

T = TypeVar("T")
NAME = "yahoo"
_DATA = ("/v8/finance/chart/", "/v1/finance/search")
# What yfinance raises where an answer has another shape than it expects; its own errors are judged by the status.
_MISSHAPEN = (KeyError, IndexError, TypeError, ValueError, AttributeError)


class NoDataError(Exception):
    """Yahoo knows no such symbol, or has no rows of it in the span; never reaches a user.

    Args:
        unknown: the symbol itself is not known.
    """

    def __init__(self, unknown: bool) -> None:
        super().__init__(unknown)
        self.unknown = unknown


@dataclass(frozen=True)
class Answer:
    """The latest answer to a question for data.

    Attributes:
        status: of HTTP.
        after_seconds: the wait that it asks for.
        reason: that it gives for having no chart; empty where it gives none.
        unknown: a whole chart of nothing at all.
        bare: a whole chart of a symbol, without a row.
    """

    status: int
    after_seconds: float | None
    reason: str
    unknown: bool
    bare: bool


class YahooSession(requests.Session[requests.Response]):
    """A session as yfinance wants it, a browser's by its handshake.

    Args:
        address: stands in place of every host of Yahoo; `None`: Yahoo itself.
        limiter: lets questions for data through.
        timeout_seconds: how long one answer may take.
    """

    def __init__(self, address: str | None, limiter: Limiter, timeout_seconds: float) -> None:
        super().__init__(impersonate="chrome")
        self.answer: Answer | None = None
        self._address = address
        self._limiter = limiter
        self._timeout_seconds = timeout_seconds

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
        """Sends one request; remembers the answer if it was for data."""
        path = urlsplit(url).path
        is_data = path.startswith(_DATA)
        if self._address is not None and (urlsplit(url).hostname or "").endswith("yahoo.com"):
            url = f"{self._address}{path or '/'}"
        if is_data:
            self._limiter.wait()
            self.answer = None
        kwargs["timeout"] = self._timeout_seconds
        response = super().request(method, url, *args, **kwargs)
        if is_data:
            after = retry_after_seconds(response.headers.get("Retry-After"), time.time())
            self.answer = _answer(response.status_code, after, response.text)
        return response


_ALONE = threading.Lock()  # its settings and its cache are the whole process's


def ask(session: YahooSession, question: Callable[[], T]) -> T:
    """Asks yfinance one thing, alone in this process.

    Raises:
        NoDataError: there is nothing of what was asked for.
        TransientError: trying again may help.
        FeedError: it won't.
    """
    with _ALONE, unraised():
        debug = yfinance.config.debug
        hidden, debug.hide_exceptions = debug.hide_exceptions, False
        logging.getLogger("yfinance").setLevel(logging.CRITICAL)  # what matters of it is said in our own words
        YfData.cache_get.cache_clear()  # it would hand a failed answer out again
        session.answer = None
        try:
            return question()
        except (GatewiseError, TransientError, NoDataError):
            raise
        except (YFException, requests.exceptions.RequestException, *_MISSHAPEN) as error:
            raise _judged(error, session.answer) from error
        finally:
            debug.hide_exceptions = hidden


def _judged(error: Exception, answer: Answer | None) -> Exception:
    if isinstance(error, YFRateLimitError) or (answer is not None and answer.status == 429):
        return TransientError(f"{NAME} asks for fewer requests (HTTP 429)", answer.after_seconds if answer else None)
    if answer is None:
        return TransientError(f"{NAME}: {_network_words(error)}")
    if answer.status >= 500:
        return TransientError(f"{NAME} has trouble (HTTP {answer.status})", answer.after_seconds)
    if (answer.status == 404 and answer.reason) or "No data found" in answer.reason or answer.unknown:
        return NoDataError(unknown=True)
    if "Data doesn't exist" in answer.reason or answer.bare:
        return NoDataError(unknown=False)
    if answer.status >= 400:
        closed = answer.status in (401, 403, 451)
        hint = "is it open to your country and network?" if closed else "another span, timeframe or symbol?"
        if answer.status == 404:  # of a symbol that it does not know Yahoo says so
            hint = "is base_url, or $GATEWISE_FEED_URL, an address of Yahoo's? otherwise another symbol"
        return FeedError(f"{NAME} refuses: {answer.reason or f'HTTP {answer.status}'}", hint)
    return TransientError(f"{NAME} answered with what can't be understood ({type(error).__name__})")


def _network_words(error: Exception) -> str:
    if isinstance(error, requests.exceptions.DNSError):
        return "its address can't be found: no network?"
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate can't be verified"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "the connection was refused: no network?"
    return "the connection broke"


def _answer(status: int, after_seconds: float | None, text: str) -> Answer:
    """What is not whole, or no chart, is none of the cases; yfinance takes some of it for an empty chart."""
    try:
        chart = json.loads(text)["chart"]
        failure, result = chart["error"], chart["result"]
        reason = " ".join(str(failure["description"]).split())[:200] if failure else ""
        unknown = not failure and result == []
        bare = bool(result) and "symbol" in result[0]["meta"] and "timestamp" not in result[0]
    except _MISSHAPEN:
        return Answer(status, after_seconds, "", False, False)
    return Answer(status, after_seconds, reason, unknown, bare)
