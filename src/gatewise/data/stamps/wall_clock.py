"""What clocks on walls show, in UTC: one zone for all rows, or the zone that each stamp names.

The hour that a change of clocks repeats is told apart by the rows' own order, or by an abbreviation such as EST.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.data.stamps.zones import all_year, explain, fits, known, names_place, offset_of, zone_of
from gatewise.errors import AmbiguousError, ReadError

_DAY_US = 86_400_000_000


def localise(address: str, wall: pl.Series, rows: pl.Series, symbols: pl.Series, zone: str) -> pl.Series:
    """Wall-clock time of one zone to UTC.

    Args:
        address: how errors call the file and the column.
        wall: Datetime[us] without a zone.
        rows: row numbers, for errors.
        symbols: of each row; the order of rows is looked at within one.
        zone: IANA name.

    Raises:
        ReadError: a time that clocks skip there.
        AmbiguousError: a time that happens twice there, and no order of rows that tells which is meant.
    """
    if zone == "UTC":
        return wall.dt.replace_time_zone("UTC")
    times = wall.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    days = bool((wall.dt.truncate("1d") == wall).all())
    if times.null_count() and days:  # a date whose midnight clocks skip begins an hour later on them
        later = (wall + timedelta(hours=1)).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        times = times.fill_null(later)
    if times.null_count():
        wrong = int(times.is_null().arg_max() or 0)
        raise ReadError(
            f"{address} row {rows[wrong]}: {wall[wrong]} does not exist in {zone}: clocks skip it",
            "another data.timezone?",
        )
    latest = wall.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
    twice = (times != latest).fill_null(False)
    if days or not twice.any():
        return times.dt.convert_time_zone("UTC")
    late = _second_passes(address, wall, rows, symbols, zone, twice)
    return times.zip_with(~late, latest).dt.convert_time_zone("UTC")


def localise_words(
    address: str, wall: pl.Series, labels: pl.Series, rows: pl.Series, symbols: pl.Series, given: str | None
) -> tuple[pl.Series, str | None, bool]:
    """Wall-clock time to UTC by the zone, offset or abbreviation that stands beside each.

    Args:
        labels: of each row, no null.
        given: the zone that `data.timezone` names; abbreviations are read as its own.

    Returns:
        Datetime[us, UTC]; the zone, if one alone is named; whether `given` placed some.

    Raises:
        AmbiguousError: an abbreviation, and no zone is said that has it then.
        ReadError: a word that is no zone.
    """
    times = pl.repeat(None, len(wall), dtype=pl.Datetime("us", "UTC"), eager=True)
    zones, short = set(), pl.repeat(False, len(wall), dtype=pl.Boolean, eager=True)
    placed = False
    for word in labels.unique(maintain_order=True):
        is_word = labels == word
        if (offset := offset_of(word)) is not None:
            times = times.zip_with(~is_word, (wall - offset).dt.replace_time_zone("UTC"))
        elif (zone := _zone_of(word, given)) is not None:
            zones.add(zone)
            placed |= zone_of(word) is None
            localised = localise(address, wall.filter(is_word), rows.filter(is_word), symbols.filter(is_word), zone)
            times = times.scatter(is_word.arg_true(), localised)
        else:
            short |= is_word
    if short.any():
        first = int(short.arg_max() or 0)
        if given is None:
            raise _abbreviated(address, rows[first], labels[first])
        body, beside, numbers, owners = (series.filter(short) for series in (wall, labels, rows, symbols))
        localised = _by_abbreviation(address, body, beside, numbers, owners, given)
        times = times.scatter(short.arg_true(), localised)
    return times, zones.pop() if len(zones) == 1 else None, placed or bool(short.any())


def _zone_of(word: str, given: str | None) -> str | None:
    """The zone that a word names by itself, or the said one where it is another name for that."""
    zone = zone_of(word)
    return given if zone is None and given is not None and names_place(word, given) else zone


def _by_abbreviation(
    address: str, wall: pl.Series, labels: pl.Series, rows: pl.Series, symbols: pl.Series, zone: str
) -> pl.Series:
    """Each time as the zone's clock shows it under the abbreviation beside it."""
    passes = [
        wall.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null"),
        wall.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null"),
    ]
    matches = [_fits_zone(labels, times.dt.strftime("%Z")) for times in passes]
    if not (matches[0] | matches[1]).all():
        wrong = int((~(matches[0] | matches[1])).arg_max() or 0)
        shown = passes[0].dt.strftime("%Z")[wrong]
        shows = f"{shown} there" if shown else "no time there: clocks skip it"
        raise ReadError(
            f"{address} row {rows[wrong]}: {wall[wrong]} {labels[wrong]} can't be in {zone}, as it is {shows}",
            all_year(labels[wrong]),
        )
    times = passes[0].zip_with(matches[0], passes[1]).dt.convert_time_zone("UTC")
    if (matches[0] & matches[1] & (passes[0] != passes[1])).any():  # ET stands for EST and EDT
        return localise(address, wall, rows, symbols, zone)
    return times


def _fits_zone(labels: pl.Series, abbreviations: pl.Series) -> pl.Series:
    """Whether each word is the abbreviation beside it."""
    pairs = pl.DataFrame([labels.alias("word"), abbreviations.alias("shown")])
    known = pairs.unique().with_columns(
        pl.struct("word", "shown")
        .map_elements(lambda pair: fits(pair["word"], pair["shown"] or ""), return_dtype=pl.Boolean)
        .alias("tells")
    )
    return pairs.join(known, on=["word", "shown"], how="left", nulls_equal=True, maintain_order="left")["tells"]


def _abbreviated(address: str, row: int, word: str) -> AmbiguousError | ReadError:
    if known(word):
        return AmbiguousError(f"{address} row {row}: {word!r} names no zone by itself", explain(word))
    return ReadError(
        f"{address} row {row}: {word!r} is no time zone",
        "data.timezone says whose clock it is, where the word names one, and data.time_format holds it as it stands: "
        '"%Y-%m-%d %H:%M Uhr"',
    )


def _second_passes(
    address: str, wall: pl.Series, rows: pl.Series, symbols: pl.Series, zone: str, twice: pl.Series
) -> pl.Series:
    """Of times that happen twice, which are of the second pass."""
    clock, late = wall.dt.epoch("us").to_numpy(), np.zeros(len(wall), dtype=np.bool_)
    ends = pl.DataFrame([symbols.alias("symbol"), wall.alias("wall"), twice.alias("twice")]).with_row_index("place")
    runs = ends.group_by("symbol", maintain_order=True).agg(
        pl.col("place").filter("twice"), (pl.col("wall").first() > pl.col("wall").last()).alias("newest_first")
    )
    for places, newest_first in runs.filter(pl.col("place").list.len() > 0).select("place", "newest_first").iter_rows():
        run = np.asarray(places)
        for hour in np.split(run, np.flatnonzero(np.diff(clock[run] // _DAY_US)) + 1):
            second = _second_pass(clock[hour], newest_first)
            if second is None:
                raise AmbiguousError(
                    f"{address} row {rows[int(hour[0])]}: {wall[int(hour[0])]} happens twice in {zone}, as clocks go "
                    "back, and the rows' order does not tell which is meant",
                    "write stamps in UTC or with their offset",
                )
            late[hour] = second
    return pl.Series(late)


def _second_pass(clock: npt.NDArray[np.int64], newest_first: bool) -> npt.NDArray[np.bool_] | None:
    """Which rows of one repeated hour come after the change: the clock falls back once among them. None: it doesn't."""
    clock = clock[::-1] if newest_first else clock
    falls = np.flatnonzero(np.diff(clock) <= 0)
    if len(falls) != 1:
        return None
    late: npt.NDArray[np.bool_] = np.arange(len(clock)) > falls[0]
    return late[::-1] if newest_first else late
