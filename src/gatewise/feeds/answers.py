"""What came back over HTTP, judged before ccxt reads it.

ccxt reads JSON that was cut off as text, finds no candles in it and hands on an empty list: a hole in the data that
looks like a quiet market. So every answer is looked at first: its status, its wait and that its body is whole.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import ccxt
import requests

from gatewise.errors import FeedError, GatewiseError
from gatewise.feeds.retry import TransientError

T = TypeVar("T")
_TOO_MANY, _BANNED, _SERVER = 429, 418, 500
_FINAL = (400, 404, 410, 422, 451)
# What ccxt raises when an answer is JSON of another shape than the exchange's documents have.
MISSHAPEN = (KeyError, IndexError, TypeError, ValueError, AttributeError)


class Answers:
    """Looks at every response of a session; of the latest it keeps the server's clock and whether it held a list.

    Args:
        name: of the source, for people.
        hold: told for how long the source wants no request at all.
    """

    def __init__(self, name: str, hold: Callable[[float], None] = lambda seconds: None) -> None:
        self.name = name
        self._hold = hold
        self.behind = timedelta(0)
        self.held_list = True

    def session(self) -> requests.Session:
        """A session whose responses are looked at; it takes proxies from the environment, as ccxt's own does not."""
        session = requests.Session()
        session.hooks["response"].append(self._look)
        return session

    def _look(self, response: requests.Response, **_: Any) -> None:
        try:
            self._judge(response)
        except BaseException:
            response.close()  # nobody else gets to see it, and its connection would stay open until it is collected
            raise

    def _judge(self, response: requests.Response) -> None:
        self._compare_clocks(response.headers.get("Date"))
        status = response.status_code
        after = retry_after_seconds(response.headers.get("Retry-After"), time.time())
        if status in (_TOO_MANY, _BANNED):
            self._hold(after or 0.0)
            raise TransientError(f"{self.name} asks for fewer requests (HTTP {status})", after)
        if status >= _SERVER:
            raise TransientError(f"{self.name} has trouble (HTTP {status})", after)
        if status >= 400:
            return  # ccxt knows what each exchange means by these
        try:
            value = json.loads(response.content)
        except ValueError as error:
            raise TransientError(f"{self.name} answered with what is not whole JSON") from error
        self.held_list = _holds_list(value)
        if not isinstance(value, dict | list):
            raise TransientError(f"{self.name} answered with no object")

    def _compare_clocks(self, date: str | None) -> None:
        """Remembers how far the server's clock is behind ours: a bar is finished when both say so."""
        if date is None:
            return
        try:
            served = parsedate_to_datetime(date)
        except ValueError:
            return
        if served.tzinfo is not None:
            self.behind = max(timedelta(0), datetime.now(UTC) - served)


def retry_after_seconds(header: str | None, now_epoch: float) -> float | None:
    """Seconds of a Retry-After header, given as a number or as a date; None where there is none that can be read."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now_epoch)
    except ValueError:
        return None


def ask(name: str, request: Callable[[], T]) -> T:
    """Runs one request of ccxt and sorts what goes wrong into what may pass and what will not.

    Raises:
        TransientError: trying again may help.
        FeedError: it won't.
    """
    try:
        return request()
    except (TransientError, GatewiseError):
        raise
    except ccxt.AuthenticationError as error:
        raise FeedError(f"{name} refuses: {_short(error)}", "is it open to your country and network?") from error
    except ccxt.NotSupported as error:
        raise FeedError(f"{name} does not do that: {_short(error)}") from error
    except ccxt.OperationFailed as error:
        if _is_final(error):
            raise FeedError(f"{name} refuses: {_short(error)}") from error
        raise TransientError(f"{name}: {_network_words(error)}") from error
    except ccxt.BaseError as error:
        cause = error.__cause__
        if isinstance(cause, requests.exceptions.SSLError):
            raise FeedError(
                f"{name}: its certificate can't be verified", "a proxy? base_url=… names its address"
            ) from error
        if isinstance(cause, requests.exceptions.RequestException) and not isinstance(cause, requests.HTTPError):
            raise TransientError(f"{name}: {_network_words(error)}") from error
        raise FeedError(f"{name} refuses: {_short(error)}") from error
    except MISSHAPEN as error:
        raise TransientError(f"{name} answered in another shape than it should ({type(error).__name__})") from error


def _is_final(error: ccxt.OperationFailed) -> bool:
    """Whether the status says that asking again is of no use, as 404 does, which ccxt takes for an outage."""
    cause = error.__context__
    if type(error) is not ccxt.ExchangeNotAvailable or not isinstance(cause, requests.HTTPError):
        return False
    return cause.response is not None and cause.response.status_code in _FINAL


def _network_words(error: BaseException) -> str:
    cause = error.__cause__ or error
    text = str(cause)
    if isinstance(cause, requests.exceptions.Timeout) or isinstance(error, ccxt.RequestTimeout):
        return "no answer in time"
    if "NameResolutionError" in text or "getaddrinfo" in text:
        return "its address can't be found: no network?"
    if "Connection refused" in text:
        return "the connection was refused: no network?"
    if "unreachable" in text:
        return "the network is unreachable"
    if isinstance(cause, requests.exceptions.RequestException):
        return "the connection broke"
    return _short(error)


def _short(error: BaseException) -> str:
    text = re.sub(r"//[^/@\s]*@", "//", " ".join(str(error).split()))  # an address may hold a password
    return text if len(text) <= 160 else f"{text[:159]}…"


def _holds_list(value: object) -> bool:
    return isinstance(value, list) or (isinstance(value, dict) and any(map(_holds_list, value.values())))
