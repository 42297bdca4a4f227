"""Years and numbers of weeks, which are counted in several ways: ISO's begin on Mondays, a year's first has a Thursday.

Other countings (from January 1, from the first Sunday, a retailer's year) number the same weeks otherwise, and a week
that is read a week early is used before it ends. Only ISO gives its 53 weeks to the years that it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from gatewise.data.columns.spellings import ISO_YEARS, normalise
from gatewise.errors import AmbiguousError


def iso_weeks(name: str, columns: Mapping[str, str], texts: Mapping[str, pl.Series], rows: pl.Series) -> pl.Series:
    """Stamps such as 2024-W05.

    Args:
        name: how errors call the file.
        columns: `year` and `week` or `iso_week` -> column.
        texts: their cells, likewise.
        rows: row numbers, for errors.

    Raises:
        AmbiguousError: neither the column's name nor the last weeks of years say that they are ISO's.
    """
    part = "iso_week" if "iso_week" in texts else "week"
    year, week = (texts[part_name].cast(pl.Int64, strict=False) for part_name in ("year", part))
    held: dict[int, set[int]] = {}
    for of_year, number in pl.DataFrame([year.alias("year"), week.alias("week")]).unique().drop_nulls().rows():
        held.setdefault(of_year, set()).add(number)
    lengths = {of_year: date(of_year, 12, 28).isocalendar().week for of_year in held if 1 <= of_year <= 9999}
    wrong = ~week.is_between(1, year.replace_strict(lengths, default=0, return_dtype=pl.Int64))
    if wrong.any():
        reason = "which ISO 8601 does not have"
    elif normalise(columns["year"]) not in ISO_YEARS and any(
        2 in held[of_year] and 1 not in held[of_year] and of_year - 1 in held for of_year in held
    ):
        reason = "and the first of a year is absent, whose days in December may stand under the year before it"
    elif part == "week" and not _are_iso(held, lengths):
        reason = "and nothing tells by which counting"
    else:
        return texts["year"] + "-W" + texts[part].str.zfill(2)
    row = int(wrong.arg_max() or 0)
    raise AmbiguousError(
        f"{name} row {rows[row]}: {columns['year']} {texts['year'][row]}, {columns[part]} {texts[part][row]} "
        f"names a week, {reason}",
        "write the date on which each week begins; or call the columns iso_year and iso_week where weeks and years are "
        "those of ISO 8601",
    )


def _are_iso(held: Mapping[int, set[int]], lengths: Mapping[int, int]) -> bool:
    """Whether all years but the last end as ISO's do, a short one and a long one among them."""
    ended = sorted(held)[:-1]
    return all(max(held[year]) == lengths[year] for year in ended) and {lengths[year] for year in ended} == {52, 53}
