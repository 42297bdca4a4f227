"""`gatewise data fetch` and `gatewise data update`: rows from exchanges and other feeds into the lake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from gatewise.feeds.fetch import FetchJob, FetchOutcome
    from gatewise.feeds.retry import Retry
    from gatewise.lake.lake import Lake

_Lake = Annotated[str | None, typer.Option("--lake", help="The lake's folder; $GATEWISE_LAKE, else in GATEWISE_HOME.")]
_End = Annotated[str | None, typer.Option("--end", help="Bars that close before, UTC; default: now.")]
_Url = Annotated[str | None, typer.Option("--base-url", help="In place of the feed's address; or $GATEWISE_FEED_URL.")]
_Rate = Annotated[
    float | None, typer.Option("--requests-per-second", min=1e-3, help="Default: the feed's own limit, kept to.")
]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no words; only the result.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")]
_NAMING_TRIES = 4  # whoever has no network should be told so within seconds
_SHOWN = 5


def register(group: typer.Typer) -> None:
    """Adds the verbs to the group `data`."""
    group.command("fetch")(fetch)
    group.command("update")(update)


def fetch(
    feed: Annotated[
        str, typer.Argument(metavar="FEED", help="An exchange that ccxt carries, such as coinbase, or yahoo.")
    ],
    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL...", help="Such as BTC-USD, of yahoo AAPL.")],
    timeframe: Annotated[
        str | None, typer.Option("--timeframe", help="Length of a bar; exchanges: 1m, yahoo: 1d.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--start", help="Bars that close at or after, UTC; default: the newest 10,080, or what is held."),
    ] = None,
    end: _End = None,
    lake: _Lake = None,
    base_url: _Url = None,
    requests_per_second: _Rate = None,
    adjusted: Annotated[
        bool | None,
        typer.Option("--adjusted/--raw", help="Stocks: for splits and dividends (days: the default), or as traded."),
    ] = None,
    refetch: Annotated[
        bool, typer.Option("--refetch", help="Ask for all of it anew; take values that differ.")
    ] = False,
    quiet: _Quiet = False,
    as_json: _Json = False,
) -> None:
    """Fetch finished bars into the lake; what it holds already is not asked for again. Ctrl-C and kill lose nothing.

    Example: gatewise data fetch coinbase BTC-USD ETH-USD SOL-USD --timeframe 1m --start 2023-11-10 --end 2025-10-25
    """
    from gatewise.feeds.base import FeedOptions
    from gatewise.feeds.plan import plan_fetch
    from gatewise.feeds.table import open_feed

    options = FeedOptions(base_url, requests_per_second, adjusted)
    step, first, last = _length(timeframe), _moment("--start", start), _moment("--end", end)
    symbols = [symbol for word in symbols for symbol in word.split(",")]  # as --symbols takes them

    def plan(held: Lake, retry: Retry) -> tuple[list[FetchJob], list[FetchOutcome]]:
        return plan_fetch(open_feed(feed, options), held, symbols, step, first, last, options.clock(), retry), []

    _run(plan, lake, refetch, quiet, as_json)


def update(
    feed: Annotated[str | None, typer.Argument(metavar="FEED", help="Only the series of this feed.")] = None,
    symbols: Annotated[list[str] | None, typer.Argument(metavar="SYMBOL...", help="Only these symbols.")] = None,
    end: _End = None,
    lake: _Lake = None,
    base_url: _Url = None,
    requests_per_second: _Rate = None,
    quiet: _Quiet = False,
    as_json: _Json = False,
) -> None:
    """Bring every series of the lake up to now, and ask again for what earlier fetches left out.

    Example: gatewise data update coinbase BTC-USD
    """
    from gatewise.feeds.base import FeedOptions
    from gatewise.feeds.plan import plan_update
    from gatewise.feeds.table import open_feed

    options = FeedOptions(base_url, requests_per_second)
    last = _moment("--end", end)

    def plan(held: Lake, retry: Retry) -> tuple[list[FetchJob], list[FetchOutcome]]:
        now = options.clock()
        return plan_update(lambda name: open_feed(name, options), held, feed, symbols or (), last, now, retry)

    _run(plan, lake, False, quiet, as_json)


def _run(
    plan: Callable[[Lake, Retry], tuple[list[FetchJob], list[FetchOutcome]]],
    folder: str | None,
    refetch: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Plans, fetches and prints; an error of one series is told after what became of the others."""
    from gatewise.cli.fetch_progress import FetchProgress
    from gatewise.cli.output import print_json, set_up_logging
    from gatewise.feeds.pool import fetch_all
    from gatewise.feeds.retry import Retry
    from gatewise.lake.lake import Lake

    set_up_logging(quiet)
    lake = Lake.default(folder)
    jobs, unasked = plan(lake, Retry(tries=_NAMING_TRIES, on_wait=_tell_wait))
    if unasked and not jobs and unasked[0].error:
        raise unasked[0].error
    with FetchProgress(quiet) as progress:
        outcomes = [*fetch_all(jobs, lake, progress, refetch=refetch), *unasked]
    failed = [outcome.error for outcome in outcomes if outcome.error is not None]
    if as_json:
        error = failed[0] if failed else None
        failure = {"type": type(error).__name__, "message": error.message, "hint": error.hint} if error else None
        series = [_to_dict(outcome) for outcome in outcomes]
        print_json({"lake": str(lake.root), "series": series, **({"error": failure} if failure else {})})
        if failed:
            raise typer.Exit(2)
        return
    _print_outcomes(lake, outcomes, refetch)
    if failed:
        raise failed[0]


def _tell_wait(reason: str, seconds: float) -> None:
    """Before there is a progress bar, a long wait should not look like nothing."""
    import logging

    from gatewise.cli.fetch_progress import LONG_WAIT_SECONDS

    if seconds >= LONG_WAIT_SECONDS:
        logging.getLogger("gatewise.feeds").info("%s; again in %.0f s", reason, seconds)


def _print_outcomes(lake: Lake, outcomes: Sequence[FetchOutcome], refetch: bool) -> None:
    from gatewise.cli.output import print_table
    from gatewise.config.durations import format_duration
    from gatewise.errors import one_line
    from gatewise.feeds.candles import counted, in_words
    from gatewise.feeds.revision import REVISED

    columns = ["series", "added", "known", "absent", "outages", "differing", "retries", "seconds"]
    rows = []
    for outcome in outcomes:
        standing = outcome.standing
        absent = "-" if standing is None else f"{standing.absent:,}"
        known = "-" if standing is None else f"{max(0, standing.rows - outcome.added):,}"
        outages = "-" if standing is None else f"{len(standing.outages):,}"
        counts = [f"{outcome.added:,}", known, absent, outages, f"{_differing(outcome):,}", f"{outcome.retries:,}"]
        rows.append([one_line(str(outcome.key)), *counts, f"{outcome.seconds:.1f}"])
    print_table(str(lake.root), columns, rows)
    for outcome in outcomes:
        notes, standing = list(outcome.notes), outcome.standing
        longest = sorted(standing.outages if standing else (), key=lambda outage: -outage.bars)
        notes += [
            f"outage of {outage.bars:,} bars, {outage.start:%Y-%m-%d %H:%M} to {outage.end:%Y-%m-%d %H:%M} UTC"
            for outage in longest[:_SHOWN]
        ]
        if longest[_SHOWN:]:
            notes.append(f"and {len(longest) - _SHOWN} shorter outages (--json lists all)")
        if outcome.error is not None and len(outcomes) > 1:
            notes.append(f"stopped: {outcome.error.message}")
        if counts_left := counted(outcome.left_out):
            notes.append(f"{in_words(counts_left)}; their bars are absent (--refetch asks again)")
        if outcome.differing:
            taken = "taken" if refetch or REVISED in outcome.notes else "left (--refetch takes them)"
            notes.append(f"{outcome.differing:,} bars came with other values than the lake held: {taken}")
        for note in notes:
            print(one_line(f"{outcome.key.symbol} {format_duration(outcome.key.timeframe)}: {note}"))


def _differing(outcome: FetchOutcome) -> int:
    """Bars that came with other values, than the lake held or than in the same breath."""
    from gatewise.feeds.candles import TWICE, counted

    return outcome.differing + counted(outcome.left_out).get(TWICE, 0)


def _to_dict(outcome: FetchOutcome) -> dict[str, Any]:
    from gatewise.config.durations import format_duration
    from gatewise.feeds.candles import counted
    from gatewise.lake.manifest import iso

    standing, error = outcome.standing, outcome.error
    outages = standing.outages if standing else ()
    return {
        "source": outcome.key.source,
        "symbol": outcome.key.symbol,
        "timeframe": format_duration(outcome.key.timeframe),
        "start": iso(outcome.start),
        "end": iso(outcome.end),
        "rows": standing.rows if standing else None,
        "added": outcome.added,
        "differing": _differing(outcome),
        "left_out": counted(outcome.left_out),
        "absent": standing.absent if standing else None,
        "outages": [{"start": iso(o.start), "end": iso(o.end), "bars": o.bars} for o in outages],
        "pages": outcome.pages,
        "retries": outcome.retries,
        "seconds": round(outcome.seconds, 3),
        "notes": outcome.notes,
        "error": {"type": type(error).__name__, "message": error.message, "hint": error.hint} if error else None,
    }


def _length(text: str | None) -> Any:
    from gatewise.config.durations import parse_duration
    from gatewise.errors import ConfigError

    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"--timeframe: {error}; got {text!r}", "for example --timeframe 1m") from error


def _moment(flag: str, text: str | None) -> datetime | None:
    from datetime import UTC

    from gatewise.errors import ConfigError

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"{flag} takes a day or a moment; got {text!r}",
            f"for example {flag} 2023-11-10 or {flag} 2023-11-10T14:30Z",
        ) from error
