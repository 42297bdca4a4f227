"""Which rows a database is asked for: those of the symbols, and of a span that surely holds the one that is wanted.

A row is knowable one timeframe after its open, in a zone that the database need not know; so the server is asked for a
little more on both sides, and the exact bounds are drawn where the rows have become moments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.data.row_filter import as_number
from gatewise.data.sql.chunks import ISO_DATE
from gatewise.data.stamps.epochs import EPOCH_US, USUAL_S, unit_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

_DAY = timedelta(days=1)
_ZONES = _DAY  # wall clocks lie within 14 hours of UTC
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def of_symbols(column: ColumnElement[Any], wanted: Sequence[str], sample: object) -> ColumnElement[bool]:
    """Rows of these symbols.

    Args:
        sample: a value of the column; whole numbers are compared as such.
    """
    if not isinstance(sample, int):
        return column.in_([_bound(symbol) for symbol in wanted])
    return column.in_([_bound(int(symbol)) for symbol in wanted if re.fullmatch(r"-?\d{1,18}", symbol)])


def of_values(column: ColumnElement[Any], wanted: Sequence[str], sample: object) -> ColumnElement[bool]:
    """Rows whose column holds one of these values, each as the column keeps it; none of a value that it can't keep.

    Args:
        sample: a value of the column.
    """
    from sqlalchemy import String, cast

    if isinstance(sample, bool):
        return column.in_([value.strip().lower() == "true" for value in wanted if value.lower() in ("true", "false")])
    if isinstance(sample, int | float | Decimal):
        numbers = [number for value in wanted if (number := as_number(value)) is not None]
        return column.in_([_bound(int(number) if number.is_integer() else number) for number in numbers])
    if isinstance(sample, str):
        return column.in_([_bound(value) for value in wanted])
    return cast(column, String).in_(list(wanted))


def of_span(
    column: ColumnElement[Any],
    sample: object,
    time_format: str | None,
    start: datetime | None,
    end: datetime | None,
    margin: timedelta,
) -> ColumnElement[bool] | None:
    """Rows whose stamps lie between `start - margin` and `end`, a day more on both sides.

    Args:
        column: the stamps.
        sample: a value of it; tells how the column writes time.
        time_format: as in DataConfig.
        margin: how long a bar may last.

    Returns:
        `None` where nothing bounds the rows, or text in another order than its time can't be compared by the server.
    """
    from sqlalchemy import not_, or_

    low = None if start is None else _utc(start) - margin - _ZONES
    high = None if end is None else _utc(end) + _ZONES
    if low is None and high is None:
        return None
    if isinstance(sample, int | float) and not isinstance(sample, bool):
        spans = _epoch_spans(sample, time_format, low, high)
        return or_(*(_within(column, *span) for span in spans)) if spans else None
    # Written to the day a bound is that day's first moment: the upper one needs the day after it.
    later = None if high is None else high + _DAY
    bounds = [_written(bound, sample, time_format) for bound in (low, later)]
    if bounds == [None, None]:
        return None
    within = _within(column, *bounds)
    # Text that is no ISO date has no place in this order: it is asked for too, and refused by name when it is read.
    return or_(within, not_(column.like("____-__-__%"))) if isinstance(sample, str) else within


def _within(column: ColumnElement[Any], low: object, high: object) -> ColumnElement[bool]:
    from sqlalchemy import and_

    return and_(
        *([column >= _bound(low)] if low is not None else []), *([column < _bound(high)] if high is not None else [])
    )


def _written(moment: datetime | None, sample: object, time_format: str | None) -> object:
    """A moment as the column would write it, to the day where it is text or a date."""
    if moment is None:
        return None
    if isinstance(sample, datetime):
        return moment if sample.tzinfo else moment.replace(tzinfo=None)
    if isinstance(sample, date):
        return moment.date()
    if isinstance(sample, str):
        return moment.date().isoformat() if re.match(ISO_DATE, sample) and time_format is None else None
    return None


def _epoch_spans(
    sample: float, time_format: str | None, low: datetime | None, high: datetime | None
) -> list[tuple[int | None, int | None]]:
    """Where epochs between two moments lie, in any unit; and all numbers that are none, to be refused by name."""
    if time_format is not None and time_format not in EPOCH_US:
        return []
    if time_format is None and unit_of(np.array([float(sample)]))[0] < 0:
        return []
    spans: list[tuple[int | None, int | None]] = []
    before: int | None = None
    for us in EPOCH_US.values():
        first, last = (int(second * 1e6 / us) for second in USUAL_S)
        since = first if low is None else min(max(first, int((low - _EPOCH) // _MICROSECOND / us)), last)
        until = last if high is None else max(min(last, int((high - _EPOCH) // _MICROSECOND / us)), first)
        spans += [(before, first), (since, until)]
        before = last
    return [*spans, (before, None)]


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _bound(value: object) -> ColumnElement[Any]:
    """A bound parameter without a type of SQLAlchemy's, to which the server would cast: enums and uuids match none."""
    from sqlalchemy import bindparam
    from sqlalchemy.types import NullType

    return bindparam(None, value, type_=NullType(), unique=True)
