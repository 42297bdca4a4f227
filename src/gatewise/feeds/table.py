"""Feeds by name: those of gatewise's own, and every exchange that ccxt carries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gatewise.errors import MissingExtraError, UnknownNameError
from gatewise.feeds.base import Feed, FeedOptions
from gatewise.feeds.names import nearest
from gatewise.loading import traceless


def _yahoo(options: FeedOptions) -> Feed:
    try:
        with traceless():
            from gatewise.feeds.stocks import YahooFeed
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "yfinance", "stocks") from error
    return YahooFeed(options)


def _yahoo_raw(options: FeedOptions) -> Feed:
    """Rows as traded have a name of their own, so that `data update` knows them and the lake can hold both."""
    return _yahoo(replace(options, adjusted=False))


# Beside these every id of `exchange_names()` is a feed.
FEEDS: dict[str, Callable[[FeedOptions], Feed]] = {"yahoo": _yahoo, "yahoo-raw": _yahoo_raw}


def open_feed(name: str, options: FeedOptions) -> Feed:
    """The feed of that name; nothing is asked of it yet.

    Raises:
        UnknownNameError: no such feed; the nearest names are listed.
        MissingExtraError: the package behind it is not installed.
    """
    if name in FEEDS:
        return FEEDS[name](options)
    known = exchange_names()
    if name not in known:
        raise UnknownNameError("feed", name, nearest(name, [*FEEDS, *known]))
    from gatewise.feeds.exchange import ExchangeFeed

    return ExchangeFeed(name, options)


def exchange_names() -> tuple[str, ...]:
    """Every id that ccxt carries.

    Raises:
        MissingExtraError: ccxt is not installed.
    """
    try:
        with traceless():
            import ccxt
    except ModuleNotFoundError as error:
        raise MissingExtraError("ccxt", "exchange") from error
    return tuple(ccxt.exchanges)
