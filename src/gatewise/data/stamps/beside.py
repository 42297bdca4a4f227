"""What stands beside the time in columns of its own: which half of the day a clock of 12 hours shows, and whose clock.

Left out, such columns would put the afternoon's rows twelve hours early and New York's five, where they look like any
other rows. The rows tell whether they are needed: a clock that counts to 24 says the half itself, and an epoch or an
offset behind the time its zone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from gatewise.data.columns.spellings import normalise
from gatewise.data.stamps.zones import explain, known, names_clock, offset_of, zone_of
from gatewise.errors import AmbiguousError, ReadError

_FIRST_HALF, _SECOND_HALF = ("am", "上午", "午前", "오전"), ("pm", "下午", "午後", "오후")
_ZONES = ("timezone", "time_zone", "timezone_name", "tz", "tzname", "tz_name", "tzinfo", "tz_info", "zoneinfo")
_OFFSETS = (
    *("utcoffset", "utc_offset", "gmtoffset", "gmt_offset", "tzoffset", "tz_offset", "timezone_offset"),
    *("time_zone_offset", "offset_utc", "offset_from_utc", "utc_offset_hours", "utc_offset_seconds"),
)
_SAY_IT = "write offsets from UTC like -05:00; data.timezone says whose clock the stamps show where no row names a zone"
_NUMBER, _MOST_HOURS = r"[+-]?\d+(\.\d+)?", 14


@dataclass(frozen=True)
class Beside:
    """Columns that may say more of the time than the columns of the time do.

    Attributes:
        half: holds nothing but AM and PM, by whatever name.
        zone: is called as if it held each row's zone, or its offset from UTC.
    """

    half: str | None = None
    zone: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column for column in (self.half, self.zone) if column is not None)


NOTHING = Beside()


def find_beside(frame: pl.DataFrame, columns: Sequence[str]) -> Beside:
    """The columns beside the time, found by their cells.

    Args:
        frame: as read.
        columns: those that have no other role.
    """
    half = next((column for column in columns if _holds_halves(frame[column])), None)
    zone = next((column for column in columns if normalise(column) in _ZONES and not _is_measure(frame[column])), None)
    return Beside(half, zone or next((column for column in columns if normalise(column) in _OFFSETS), None))


def by_halves(address: str, wall: pl.Series, column: pl.Series, rows: pl.Series) -> pl.Series | None:
    """What a clock of 12 hours shows, moved to the half of the day that the column beside it says.

    Args:
        address: how errors call the file and the column.
        wall: Datetime[us], as the clock shows it.
        column: AM or PM of each row.
        rows: row numbers, for errors.

    Returns:
        None where the column has no say: the clock counts to 24, or there is none.

    Raises:
        AmbiguousError: a row of a clock of 12 hours that says neither.
    """
    hours, half = wall.dt.hour(), _plain(column)
    late = half.is_in(_SECOND_HALF).set(half == "", None)
    no_clock = bool((wall.dt.truncate("1d") == wall).all())
    if no_clock or (hours > 12).any() or (hours.min() == 0 and (hours == 12).any()):
        return None
    if late.null_count():
        row = rows[int(late.is_null().arg_max() or 0)]
        raise AmbiguousError(
            f"{address} row {row} says neither AM nor PM while others do, and the clock beside it counts 12 hours",
            "write it, or take that row out",
        )
    shown = pl.DataFrame([wall.alias("wall"), hours.cast(pl.Int64).alias("hour"), late.alias("late")])
    ahead = pl.col("hour") % 12 + 12 * pl.col("late").cast(pl.Int64) - pl.col("hour")
    return shown.select(pl.col("wall") + pl.duration(hours=ahead)).to_series().cast(wall.dtype)


def zone_words(address: str, column: pl.Series, rows: pl.Series, given: str | None) -> pl.Series | None:
    """The zone or offset of each row, in words that stamps could end in as well.

    Args:
        address: how errors call the file and the column.
        column: zones, or offsets as `-05:00`, `-0500`, hours or seconds.
        rows: row numbers, for errors.
        given: the zone that `data.timezone` names.

    Returns:
        None where the column has no say: it holds nothing, or `given` reads what it holds.

    Raises:
        AmbiguousError: abbreviations and no zone that is said, or another clock than was; rows without a zone.
        ReadError: what is no zone.
    """
    cells = column.cast(pl.String).str.strip_chars(" \t\"'")
    cells = cells.set((cells == "").fill_null(False), None)
    zone_of_cell = {cell: _word(cell) for cell in cells.drop_nulls().unique(maintain_order=True)}
    odd = [cell for cell, word in zone_of_cell.items() if word is None]
    if not zone_of_cell:
        return None
    abbreviations = [cell for cell in odd if known(cell)]
    if given is not None and len(odd) == len(zone_of_cell) and not abbreviations[1:]:
        # One name for all rows is like one that a format holds, and may stand for summer and winter alike.
        if abbreviations and not names_clock(abbreviations[0], given):
            raise AmbiguousError(
                f"{address} holds {abbreviations[0]!r}, which is not the clock of data.timezone {given!r}",
                explain(abbreviations[0]),
            )
        return None
    if cells.null_count():
        raise AmbiguousError(
            f"{address} row {rows[int(cells.is_null().arg_max() or 0)]} names no zone while others do",
            "write it, or take that row out",
        )
    if wrong := next((cell for cell in odd if given is None or cell not in abbreviations), None):
        row = rows[int((cells == wrong).arg_max() or 0)]
        if wrong in abbreviations:
            raise AmbiguousError(f"{address} row {row}: {wrong!r} names no zone by itself", explain(wrong))
        raise ReadError(f"{address} row {row}: {wrong!r} is no time zone", _SAY_IT)
    return cells.replace_strict({cell: word or cell for cell, word in zone_of_cell.items()}, return_dtype=pl.String)


def _word(cell: str) -> str | None:
    """A cell as the name of a zone or an offset such as -05:00; None where it is neither, or may be two."""
    if zone_of(cell) is not None:
        return cell
    if re.fullmatch(_NUMBER, cell):
        digits, number = re.sub(r"\D", "", cell), float(cell)
        if re.fullmatch(r"[+-]?\d{4}", cell) and int(digits[:2]) <= _MOST_HOURS and int(digits[2:]) < 60:
            minutes = int(digits[:2]) * 60 + int(digits[2:])
        elif abs(number) <= _MOST_HOURS:
            minutes = round(abs(number) * 60)
        elif abs(number) >= 1000 and abs(number) % 900 == 0 and abs(number) <= _MOST_HOURS * 3600:
            minutes = round(abs(number) / 60)
        else:
            return None  # -300 is five hours in minutes, and three in digits
        return f"{'-' if number < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
    signed = f"+{cell}" if re.match(r"\d{1,2}:\d{2}", cell) else cell
    signed = re.sub(r"^([+-]\d{1,2}:\d{2}):00$", r"\1", signed)
    return signed if offset_of(signed) is not None else None


def _is_measure(column: pl.Series) -> bool:
    """Whether a column that is called like a zone's holds numbers that are no offsets."""
    cells = column.drop_nulls().unique().cast(pl.String).str.strip_chars()
    numbers = cells.filter(cells.str.contains(f"^{_NUMBER}$"))
    return len(numbers) == len(cells) and any(_word(cell) is None for cell in numbers)


def _holds_halves(column: pl.Series) -> bool:
    if column.dtype not in (pl.String, pl.Categorical, pl.Enum):
        return False
    first = column.drop_nulls().head(1)
    if not len(first) or _plain(first)[0] not in (*_FIRST_HALF, *_SECOND_HALF):
        return False
    return bool(_plain(column.unique()).is_in(["", *_FIRST_HALF, *_SECOND_HALF]).all())


def _plain(column: pl.Series) -> pl.Series:
    """`A.M.`, ` pm ` as am, pm; nothing as an empty text."""
    return column.cast(pl.String).fill_null("").str.replace_all(r"[\s.\"']", "").str.to_lowercase()
