"""What stands beside the time in columns of its own: which half of the day a clock of 12 hours shows.

Left out, such a column would put the afternoon's rows twelve hours early, where they look like any other rows. The rows
tell whether it is needed: a clock that counts to 24 says the half itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from gatewise.errors import AmbiguousError

_FIRST_HALF, _SECOND_HALF = ("am", "上午", "午前", "오전"), ("pm", "下午", "午後", "오후")


@dataclass(frozen=True)
class Beside:
    """Columns that may say more of the time than the columns of the time do.

    Attributes:
        half: holds nothing but AM and PM, by whatever name.
    """

    half: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column for column in (self.half,) if column is not None)


NOTHING = Beside()


def find_beside(frame: pl.DataFrame, columns: Sequence[str]) -> Beside:
    """The columns beside the time, found by their cells.

    Args:
        frame: as read.
        columns: those that have no other role.
    """
    return Beside(next((column for column in columns if _holds_halves(frame[column])), None))


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
