"""Which runs a list shows, and in which order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gatewise.errors import ConfigError, UnknownNameError
from gatewise.evaluation.verdict import TONES
from gatewise.registry.folders import KINDS
from gatewise.registry.info import RunInfo

STATUSES = ("running", "finished", "failed", "killed")

# What each order goes by; those without a score come last.
ORDERS: Mapping[str, Callable[[RunInfo], Any]] = {
    "started": lambda info: -info.started_utc.timestamp(),
    "name": lambda info: info.name.casefold(),
    "model": lambda info: info.subject.model,
    "score": lambda info: info.score.value if info.score else math.inf,
    "took": lambda info: -(info.duration_seconds or 0.0),
}
_VALID: Mapping[str, tuple[str, ...]] = {"kind": KINDS, "status": STATUSES, "verdict": tuple(TONES)}
_FITS: Mapping[str, Callable[[RunInfo, str], bool]] = {
    "kind": lambda info, wanted: info.kind == wanted,
    "status": lambda info, wanted: info.status.lower() == wanted,
    "verdict": lambda info, wanted: info.verdict == wanted,
    "model": lambda info, wanted: wanted.casefold() in (model.casefold() for model in info.subject.models),
    "symbol": lambda info, wanted: wanted.casefold() in (symbol.casefold() for symbol in info.subject.symbols),
    "name": lambda info, wanted: wanted.casefold() in info.name.casefold(),
}


def chosen_runs(
    infos: Iterable[RunInfo], filters: Mapping[str, str | None], since: str | None = None, sort: str = "started"
) -> list[RunInfo]:
    """Those of the runs that fit all filters, sorted.

    Args:
        filters: kind, status, verdict, model, symbol, and name, of which a part will do; `None` lets all pass.
        since: a length of time like 2d, or a date; only runs started within or since.
        sort: one of `ORDERS`.

    Raises:
        UnknownNameError: no such kind, status, verdict or order.
        ConfigError: `since` is neither.
    """
    asked = {name: wanted for name, wanted in filters.items() if wanted is not None}
    for name, wanted in asked.items():
        if wanted not in _VALID.get(name, (wanted,)):
            raise UnknownNameError(name, wanted, _VALID[name])
    if sort not in ORDERS:
        raise UnknownNameError("order", sort, ORDERS)
    start = moment_of(since, "since") if since is not None else None
    fitting = [
        info
        for info in infos
        if (start is None or info.started_utc >= start) and all(_FITS[n](info, wanted) for n, wanted in asked.items())
    ]
    return sorted(fitting, key=ORDERS[sort])


def moment_of(text: str, what: str) -> datetime:
    """A moment as people say it: how long ago (2d), or a date with or without time, UTC unless it says a zone.

    Raises:
        ConfigError: neither; `what` it is for is named.
    """
    from gatewise.config.durations import parse_duration

    try:
        length = parse_duration(text)
        assert isinstance(length, timedelta)
        return datetime.now(UTC) - length
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{what} must be a length of time or a date; got {text!r}", "2d, or 2026-01-31") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
