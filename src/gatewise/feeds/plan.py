"""What to fetch: spans from what the user said, and from what the lake holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from gatewise.config.durations import format_duration
from gatewise.errors import ConfigError, FeedError, GatewiseError, UnknownNameError
from gatewise.feeds.base import Feed
from gatewise.feeds.fetch import FetchJob, FetchOutcome
from gatewise.feeds.names import nearest
from gatewise.feeds.retry import Retry
from gatewise.lake.base import SeriesKey, utc
from gatewise.lake.lake import Lake

DEFAULT_BARS = 10_080  # a week of minutes, more than a year of hours
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)  # the first prices that any feed has are later
_log = logging.getLogger("gatewise.feeds")


def plan_fetch(
    feed: Feed,
    lake: Lake,
    symbols: Sequence[str],
    timeframe: timedelta | None,
    start: datetime | None,
    end: datetime | None,
    now: datetime,
    retry: Retry,
) -> list[FetchJob]:
    """One job a symbol; all names are looked up before anything is fetched.

    Args:
        feed: asked for the symbols.
        lake: tells where a series begins that is known already.
        symbols: as the user typed them; one named twice is fetched once.
        timeframe: `None`: the feed's default.
        start: `None`: where the lake's rows begin, and for a series that it does not hold 10,080 bars ago.
        end: exclusive; `None`: now.
        now: the current moment.
        retry: runs the requests for names.

    Raises:
        ConfigError: no symbol, or a span that is empty or lies ahead.
        UnknownNameError, FeedError: see `Feed.resolve`.
    """
    if not symbols:
        raise ConfigError("no symbol is named", f"gatewise data fetch {feed.name} BTC-USD")
    step = timeframe if timeframe is not None else feed.default_timeframe
    if start is not None and utc(start) < _EARLIEST:
        raise ConfigError(f"start must lie after {_EARLIEST:%Y-%m-%d}; got {utc(start):%Y-%m-%d}")
    if start is not None and utc(start) >= now:
        raise ConfigError(f"start must lie before now, {now:%Y-%m-%d %H:%M} UTC; got {utc(start):%Y-%m-%d %H:%M}")
    if start is not None and end is not None and utc(start) >= utc(end):
        raise ConfigError(
            f"start must lie before end; got {utc(start):%Y-%m-%d %H:%M} and {utc(end):%Y-%m-%d %H:%M} UTC",
            f'the end is exclusive: end="{utc(start) + timedelta(days=1):%Y-%m-%d}" takes in a day from the start on',
        )
    keys = dict.fromkeys(feed.resolve(symbol, step, retry) for symbol in symbols)
    for key in keys:
        oldest = feed.oldest(key)
        if start is not None and oldest is not None and utc(start) < oldest:
            raise ConfigError(
                f"{feed.name} keeps bars of {format_duration(step)} since {oldest:%Y-%m-%d %H:%M} UTC only; start is "
                f"{utc(start):%Y-%m-%d %H:%M}",
                f'start="{oldest:%Y-%m-%dT%H:%MZ}", or longer bars, which it keeps from farther back',
            )
    return [_job(feed, lake, key, start, end, now) for key in keys]


def plan_update(
    open_feed: Callable[[str], Feed],
    lake: Lake,
    source: str | None,
    symbols: Sequence[str],
    end: datetime | None,
    now: datetime,
    retry: Retry,
) -> tuple[list[FetchJob], list[FetchOutcome]]:
    """One job a series of the lake that a feed can bring up to now; those that none can are told and left.

    Returns:
        Jobs, and the outcomes of series whose feed can't be asked or that can't be written: the others go on.

    Raises:
        ConfigError: the lake holds no such series.
        UnknownNameError: it holds none of that feed or symbol.
    """
    keys = lake.keys()
    if not keys:
        raise ConfigError(f"the lake {lake.root} holds no series", "gatewise data fetch coinbase BTC-USD starts one")
    if source is not None:
        held = {key.source for key in keys}
        if source not in held:
            raise UnknownNameError("feed in the lake", source, held)
        keys = tuple(key for key in keys if key.source == source)
    for symbol in symbols:
        if symbol not in {key.symbol for key in keys}:
            raise UnknownNameError("symbol in the lake", symbol, nearest(symbol, (key.symbol for key in keys)))
    feeds: dict[str, Feed | GatewiseError] = {}
    jobs, failed = [], []
    for key in keys:
        if symbols and key.symbol not in symbols:
            continue
        if key.source not in feeds:
            feeds[key.source] = _opened(open_feed, key.source)
        feed = feeds[key.source]
        if isinstance(feed, UnknownNameError):
            _log.info("%s: %s is no feed (imported?): left as it is", key, key.source)
        elif isinstance(feed, GatewiseError):
            failed.append(FetchOutcome(key, now, now, error=feed))
        else:
            try:
                resolved = feed.resolve(key.symbol, key.timeframe, retry)
                first = _first(lake, key)
                if resolved != key:  # rows under the feed's own spelling would be another series
                    _log.info("%s: %s spells it %s (imported?): left as it is", key, feed.name, resolved.symbol)
                elif first is not None and end is not None and first >= utc(end):
                    _log.info("%s: begins after the end asked for: left as it is", key)
                else:
                    jobs.append(_job(feed, lake, key, None, end, now))
            except UnknownNameError:
                _log.info("%s: %s no longer lists it (delisted?): left as it is", key, feed.name)
            except FeedError as error:
                feeds[key.source] = error
                failed.append(FetchOutcome(key, now, now, error=error))
            except GatewiseError as error:  # of this series alone: the others should not wait for it either
                failed.append(FetchOutcome(key, now, now, error=error))
    return jobs, failed


def _opened(open_feed: Callable[[str], Feed], source: str) -> Feed | GatewiseError:
    try:
        return open_feed(source)
    except GatewiseError as error:
        return error


def _job(
    feed: Feed, lake: Lake, key: SeriesKey, start: datetime | None, end: datetime | None, now: datetime
) -> FetchJob:
    newest = _floor(now, key.timeframe) + key.timeframe
    last = newest if end is None else min(utc(end), newest)
    held = _first(lake, key)
    if start is not None:
        first = utc(start)
    elif held is not None:
        first = held
    else:
        first = _floor(min(last, now), key.timeframe) - DEFAULT_BARS * key.timeframe
        _log.info(
            "%s: no start given: the newest %s bars, from %s UTC", key, f"{DEFAULT_BARS:,}", f"{first:%Y-%m-%d %H:%M}"
        )
    oldest = feed.oldest(key)
    if oldest is not None and first < oldest:
        _log.info("%s: %s keeps no bars before %s UTC", key, feed.name, f"{oldest:%Y-%m-%d %H:%M}")
        first = oldest
    if first >= last:
        raise ConfigError(
            f"{key}: the span must not be empty; got {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC",
            f"a start before the end, both in UTC; bars of {format_duration(key.timeframe)} by the time they close",
        )
    return FetchJob(feed, key, first, last)


def _first(lake: Lake, key: SeriesKey) -> datetime | None:
    """Where what the lake holds of a series begins: its coverage, or rows whose coverage was lost with a manifest."""
    manifest = lake.series(key).mended()
    if manifest is None:
        return None
    starts = [span[0] for span in manifest.covered] + ([manifest.start] if manifest.start else [])
    return min(starts, default=None)


def _floor(time: datetime, step: timedelta) -> datetime:
    epoch = utc(datetime(1970, 1, 1))
    return epoch + (time - epoch) // step * step
