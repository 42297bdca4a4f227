"""Numbers as stamps: epochs, each in its own unit, and dates written as digits; what other numbers look like is told.

A number lies within the years 1980 to 2100 in one unit of s, ms, µs and ns at most, as each is a thousand times the
next. So every row's unit is beyond doubt, also where a file changes from one to another.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.stamps.strptime import Moments, apply_format
from gatewise.errors import AmbiguousError, ReadError

EPOCH_US = {"epoch_s": 1e6, "epoch_ms": 1e3, "epoch_us": 1.0, "epoch_ns": 1e-3}  # microseconds in a unit
USUAL_S = (315_532_800, 4_102_444_800)  # 1980 to 2100
OLDEST, NEWEST = datetime(1800, 1, 1), datetime(2200, 1, 1)
_UNITS = tuple(EPOCH_US)
_WHOLE_FLOAT32 = 2**24  # above it float32 holds no longer every whole number
_BOUNDS = np.array([second * 1e6 / us for us in EPOCH_US.values() for second in USUAL_S])
_DIGITS = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S", 17: "%Y%m%d%H%M%S%.f"}
_PERIODS = {6: ("%Y%m", "months"), 4: ("%Y", "years")}
_WRITTEN = "write them as dates or epochs, or name another column: data.time_column"
_LEAST_STEP = 60  # numbers by which epochs that are dates as well may step: seconds of a minute
# Counts that begin elsewhere: microseconds in one, and where 0 lies in seconds from 1970.
_COUNTS = {
    "a spreadsheet's days since 1900": (86_400e6, -25_569 * 86_400),
    "days since 1970": (86_400e6, 0),
    "MATLAB's days since year 0": (86_400e6, -719_529 * 86_400),
    "Julian days": (86_400e6, -2_440_587.5 * 86_400),
    "minutes since 1970": (60e6, 0),
    ".NET's ticks of 100 ns since year 1": (0.1, -62_135_596_800),
    "Windows' file times of 100 ns since 1601": (0.1, -11_644_473_600),
    "microseconds since 1601": (1.0, -11_644_473_600),
}


def unit_of(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """For each number the place in EPOCH_US of the unit that puts it within 1980 to 2100; -1 where none does."""
    place = np.searchsorted(_BOUNDS, numbers, side="right")
    return np.where(place % 2 == 1, place // 2, -1)


def read_numbers(name: str, label: str, column: pl.Series, rows: pl.Series, given: str | None) -> Moments:
    """Reads a column of numbers.

    Args:
        name, label: how errors call the file and the column.
        column: numeric, no null.
        rows: row numbers, aligned with `column`.
        given: the epochs' unit, where the user said it.

    Raises:
        AmbiguousError: no unit, or digits that are dates as well.
        ReadError: a unit that was said where another is meant, or a stamp that is no number.
    """
    numbers = column.cast(pl.Float64).to_numpy()
    if not np.isfinite(numbers).all():
        raise ReadError(f"{name} column {label!r} holds NaN or infinite stamps", "take those rows out")
    if column.dtype == pl.Float32 and np.abs(numbers).max() > _WHOLE_FLOAT32:
        raise ReadError(
            f"{name} column {label!r} holds stamps as float32, which at {numbers.max():.0f} has lost whole steps",
            "write them as whole numbers or as float64",
        )
    ends = unit_of(np.array([numbers.min(), numbers.max()]))
    units = unit_of(numbers) if ends[0] != ends[1] or ends[0] < 0 else ends[:1]
    dates = _dates(name, label, column, numbers) if given is None or (ends[0] < 0 and numbers.min() > 1e7) else None
    if given is not None:
        _refuse_unit(name, label, numbers, rows, given, units, dates)
        return Moments(_scaled(column, numbers, np.array([_UNITS.index(given)])), aware=True)
    if dates is not None and (units < 0).all():
        return dates
    if dates is not None or (units < 0).any() or _looks_like_ticks(numbers):
        raise _no_unit(name, label, numbers, rows, units, dates)
    notes = () if len(units) == 1 else (_change(rows, units),)
    return Moments(_scaled(column, numbers, units), aware=True, notes=notes)


def _scaled(column: pl.Series, numbers: npt.NDArray[np.float64], units: npt.NDArray[np.intp]) -> pl.Series:
    """Datetime[us]; whole numbers by whole arithmetic, as float64 holds no nanosecond of today."""
    if column.dtype.is_integer():
        whole = column.cast(pl.Int64).to_numpy()
        factor = np.array([1_000_000, 1_000, 1, 1], dtype=np.int64)[units]
        us = np.where(units == 3, whole // 1_000, whole * factor)
    else:
        us = np.rint(numbers * np.array(list(EPOCH_US.values()))[units]).astype(np.int64)
    return pl.Series(us).cast(pl.Datetime("us"))


def _change(rows: pl.Series, units: npt.NDArray[np.intp]) -> str:
    turns = np.flatnonzero(np.diff(units)) + 1
    before, after = (_UNITS[units[place]] for place in (turns[0] - 1, turns[0]))
    more = f", and {len(turns) - 1} more changes" if len(turns) > 1 else ""
    return (
        f"epochs change from {before} to {after} at row {rows[int(turns[0])]}{more}: each row is read in the unit that "
        "puts it in 1980 to 2100"
    )


def _refuse_unit(
    name: str,
    label: str,
    numbers: npt.NDArray[np.float64],
    rows: pl.Series,
    unit: str,
    units: npt.NDArray[np.intp],
    dates: Moments | None,
) -> None:
    """Refuses a unit that was said where another is meant: it puts a row outside of 1980 to 2100, another within.

    Milliseconds read as nanoseconds all lie in the first hour of 1970, a year like any other to whoever checks years
    alone. Where no other unit fits, so that 1962 can be said, the years of `OLDEST` to `NEWEST` still hold.
    """
    place = _UNITS.index(unit)
    seconds = numbers * (EPOCH_US[unit] / 1e6)
    in_other_unit = np.broadcast_to((units >= 0) & (units != place), numbers.shape)
    if in_other_unit.any():
        first = int(in_other_unit.argmax())
        other = _UNITS[np.broadcast_to(units, numbers.shape)[first]]
        raise ReadError(
            f"{name} column {label!r} row {rows[first]}: {unit} puts its stamps at {_day(seconds[first])}; {other} "
            f"puts this one at {_day(numbers[first] * EPOCH_US[other] / 1e6)}",
            f'data.time_format="{other}", or leave it out to have it found'
            if (units == units[0]).all()
            else "leave data.time_format out: each row is then read in its own unit",
        )
    if dates is not None and (units < 0).all():
        raise ReadError(
            f"{name} column {label!r} row {rows[0]}: {unit} puts its stamps at {_day(seconds[0])}; {numbers[0]:.0f} is "
            f"a date too, {dates.values[0]}",
            "leave data.time_format out to have it read as a date",
        )
    oldest, newest = (moment.replace(tzinfo=UTC).timestamp() for moment in (OLDEST, NEWEST))
    outside = (seconds < oldest) | (seconds > newest)
    if outside.any():
        wrong = int(outside.argmax())
        raise ReadError(
            f"{name} column {label!r} row {rows[wrong]}: {numbers[wrong]:.0f} as {unit} is not between "
            f"{OLDEST.year} and {NEWEST.year}",
            "take that row out, or say how stamps are written: data.time_format",
        )


def _no_unit(
    name: str,
    label: str,
    numbers: npt.NDArray[np.float64],
    rows: pl.Series,
    units: npt.NDArray[np.intp],
    dates: Moments | None,
) -> AmbiguousError:
    span = (
        f"{name} column {label!r} holds numbers from {numbers.min():.12g} (row {rows[int(numbers.argmin())]}) to "
        f"{numbers.max():.12g}"
    )
    if dates is not None:
        return _epochs_or_dates(span, numbers, _UNITS[units.max()], dates)
    if (units >= 0).any() and (units < 0).any():
        odd = int((units < 0).argmax())
        common = _UNITS[np.bincount(units[units >= 0]).argmax()]
        address = f"{name} column {label!r} row {rows[odd]}: {numbers[odd]:.12g} is in 1980 to 2100 in no epoch unit"
        alone = len(np.unique(units[units >= 0])) == 1
        usual = f"; as {common}, like other rows, it is {_day(numbers[odd] * EPOCH_US[common] / 1e6)}" if alone else ""
        known = f', or if it is right: data.time_format="{common}"' if alone else ""
        return AmbiguousError(f"{address}{usual}", f"take that row out{known}")
    looks = [
        (count, zero + numbers[0] * us / 1e6) for count, (us, zero) in _COUNTS.items() if _counted(numbers, us, zero)
    ]
    if looks:
        count, first = looks[0]
        either = f"{_UNITS[units.max()]} and {count} both fit" if units.max() >= 0 else f"they look like {count}"
        return AmbiguousError(
            f"{span}: {either} (row {rows[0]} is {_day(first)} then)",
            "write them as dates or epochs"
            + (f'; if they are epochs all the same: data.time_format="{_UNITS[units[0]]}"' if units[0] >= 0 else ""),
        )
    return AmbiguousError(f"{span}: no epoch unit puts all of them in 1980 to 2100", _WRITTEN)


def _epochs_or_dates(span: str, numbers: npt.NDArray[np.float64], unit: str, dates: Moments) -> AmbiguousError:
    """Of digits such as 2024010209, an hour of 2024 and a second of 2034."""
    fmt = _DIGITS[len(f"{numbers[0]:.0f}")]
    # Hours of a day taken for seconds step by 1, and by 77 at midnight: no bar does.
    steps = np.diff(np.unique(numbers))
    either = f', or data.time_format="{unit}"' if (steps % _LEAST_STEP == 0).all() else ""
    second, date = _day(numbers[0] * EPOCH_US[unit] / 1e6), dates.values[0]
    return AmbiguousError(
        f"{span}: {unit} and dates both fit, {numbers[0]:.0f} as {second} or {date}",
        f'data.time_format="{fmt}"{either}',
    )


def _looks_like_ticks(numbers: npt.NDArray[np.float64]) -> bool:
    """.NET's ticks of 1980 to 2100 are nanoseconds of 1989 and 1990."""
    return _counted(numbers, *_COUNTS[".NET's ticks of 100 ns since year 1"])


def _counted(numbers: npt.NDArray[np.float64], us: float, zero: float) -> bool:
    """Whether all lie within 1980 to 2100 as counts of `us` microseconds from `zero`."""
    low, high = (second - zero for second in USUAL_S)
    return bool(low <= numbers.min() / 1e6 * us and numbers.max() / 1e6 * us < high)


def _dates(name: str, label: str, column: pl.Series, numbers: npt.NDArray[np.float64]) -> Moments | None:
    """20200102, 202001021530 and the like as dates, 202001 as months and 2020 as years, where every number is one."""
    width = len(f"{numbers.max():.0f}")
    if width not in (*_DIGITS, *_PERIODS) or len(f"{numbers.min():.0f}") != width or numbers.min() < 0:
        return None
    if (numbers != np.floor(numbers)).any() or (width > 15 and not column.dtype.is_integer()):
        return None
    if width in _DIGITS and width < 17 and _parsed(column[:1].cast(pl.Int64).cast(pl.String), _DIGITS[width]) is None:
        return None  # epochs have 10 digits, or 13, and are many
    text = column.cast(pl.Int64).cast(pl.String).str.replace(r"^(\d{14})(\d{3})$", "$1.$2")
    if (values := _parsed(text, _DIGITS.get(width))) is not None:
        return Moments(values, aware=False)
    fits = [fmt for fmt in ("%Y%m", "%y%m%d", "%d%m%y", "%m%d%y") if width == 6 and _parsed(text, fmt) is not None]
    if fits and fits != ["%Y%m"]:
        raise AmbiguousError(
            f"{name} column {label!r} holds numbers such as {text[0]}: dates, and no row tells in what order",
            " or ".join(f'data.time_format="{fmt}"' for fmt in fits),
        )
    if (values := _parsed(text, _PERIODS.get(width, ("", ""))[0])) is None:
        return None
    if width == 4 and re.search("time|stamp|clock", label.lower()) and (numbers % 100 < 60).all():
        raise AmbiguousError(
            f"{name} column {label!r} holds numbers such as {text[0]}, which may be years or times of day",
            'data.time_format="%Y" where they are years; data.time_column="DATE,TIME" names a date beside a time',
        )
    unit = _PERIODS[width][1]
    return Moments(values, aware=False, notes=(f"stamps name {unit}, such as {text[0]}: read as their first moments",))


def _parsed(text: pl.Series, fmt: str | None) -> pl.Series | None:
    """Null where a stamp is no date."""
    values = apply_format(text, fmt).values if fmt else None
    usual = values is not None and values.null_count() == 0 and bool((values.dt.year() <= 2100).all())
    return values if usual else None


def _day(seconds: float) -> str:
    year = 1970 + seconds / (365.2425 * 86_400)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}" if 1 <= year < 9999 else f"the year {year:.0f}"
