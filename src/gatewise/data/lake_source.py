"""Rows of the lake: one or several series of one timeframe, read page by page and only where they are needed."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import polars as pl

from gatewise.config.schema import DataConfig, format_duration, parse_duration
from gatewise.data.files.part import choose_columns
from gatewise.data.market.sessions import common_calendar, said_calendar
from gatewise.data.rows import Rows
from gatewise.data.steps.timeframe import gap_tolerance
from gatewise.data.table import FILE, ROW, STAMP, SYMBOL, TIME
from gatewise.errors import AmbiguousError, ConfigError, NotEnoughRowsError, SchemaError, UnknownNameError
from gatewise.lake.base import SeriesKey
from gatewise.lake.lake import Lake
from gatewise.lake.manifest import Manifest


def read_lake(spec: DataConfig) -> Rows:
    """Reads the series that a data config names, in the order of their symbols' names.

    Only `feed`, `symbols` (or `symbol`), `timeframe`, `columns`, `start` and `end` choose rows; every page that is
    opened is held against its hash. The lake stamps rows with the moment at which they are knowable.

    Raises:
        ConfigError: files are named too, or no symbol where the lake holds several.
        UnknownNameError: no such feed, symbol or timeframe; the nearest names are listed.
        AmbiguousError: several feeds or timeframes hold the symbols, or their manifests name several calendars.
        SchemaError: series of different columns, or without a column that was asked for.
        NotEnoughRowsError: no row in the span.
        ReadError: a damaged page or manifest.
    """
    if spec.paths:
        raise ConfigError(
            f"data.source {spec.source!r} reads no files; got data.paths {spec.paths[0]!r}", "give one of the two"
        )
    if spec.off_grid != "keep":
        raise ConfigError(
            f"rows of the lake are stamped by when they are knowable, on no grid; got data.off_grid {spec.off_grid!r}",
            'data.off_grid="keep"; gatewise data import leaves such rows of files out',
        )
    refuse_filter(spec)
    lake = Lake.default(spec.lake)
    keys = chosen_keys(lake, spec)
    manifests = [manifest for key in keys if (manifest := lake.series(key).manifest) is not None]
    columns, spare = _columns(manifests, spec)
    frames, bare = [], []
    for number, key in enumerate(keys):
        rows = lake.series(key).read(spec.start, spec.end, columns)
        if rows.is_empty():
            bare.append(key.symbol)
        frames.append(
            rows.select(
                pl.lit(key.symbol).alias(SYMBOL),
                TIME,
                *columns,
                pl.col(TIME).alias(STAMP),
                pl.lit(number, pl.UInt32).alias(FILE),
                pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).alias(ROW),
            )
        )
    frame = pl.concat(frames, rechunk=True)
    if frame.is_empty():
        held = ", ".join(f"{m.key.symbol} {m.start} to {m.end}" for m in manifests[:3])
        raise NotEnoughRowsError(
            f"no row is knowable between {spec.start or 'the beginning'} and {spec.end or 'the end'}; the lake holds "
            f"{held}",
            "data.start and data.end are in UTC",
        )
    notes = [f"read from the lake {lake.root}: {keys[0].source} {format_duration(keys[0].timeframe)}"]
    if spec.epochs != "utc":
        notes.append(f"the lake's rows are moments already: data.epochs={spec.epochs!r} has nothing to say of them")
    if bare:
        notes.append(f"no rows in this span: {', '.join(bare)}")
    timeframe = keys[0].timeframe
    files = tuple(f"lake {key}" for key in keys)
    given = said_calendar(spec.calendar, spec.session, spec.timezone)
    calendar = common_calendar(given, [manifest.facts.get("calendar") for manifest in manifests])
    tolerance = gap_tolerance(spec.gap_tolerance, timeframe, calendar)
    late = {manifest.facts.get("late_months", 0) for manifest in manifests}
    late_months = late.pop() if len(late) == 1 else None
    return Rows(frame, files, timeframe, tolerance, tuple(notes), calendar, late_months=late_months, spare=spare)


def refuse_filter(spec: DataConfig) -> None:
    """The lake holds a series a symbol and timeframe, and no columns of text.

    Raises:
        ConfigError: the config filters rows.
    """
    if spec.filter:
        raise ConfigError(
            f"data.filter picks rows of files and databases; the lake holds no column {next(iter(spec.filter))!r}",
            "leave it out: data.symbols, data.timeframe and data.feed choose the lake's rows",
        )


def chosen_keys(lake: Lake, spec: DataConfig) -> tuple[SeriesKey, ...]:
    """The series of the lake that a config names: of one feed and one timeframe.

    Raises:
        ConfigError, UnknownNameError, AmbiguousError: see `read_lake`.
    """
    keys = lake.keys()
    if not keys:
        raise ConfigError(
            f"the lake {lake.root} holds no series",
            "gatewise data fetch or gatewise data import fills it; data.lake names another",
        )
    symbols = spec.symbols or ((spec.symbol,) if spec.symbol else ())
    keys = _narrow(keys, "feed", spec.feed, [key.source for key in keys])
    if not symbols and len({key.symbol for key in keys}) > 1:
        raise ConfigError(
            f"the lake holds {len({key.symbol for key in keys})} symbols; none is named",
            f"data.symbols={sorted({key.symbol for key in keys})[:3]}",
        )
    for symbol in symbols:
        _narrow(keys, "symbol", symbol, [key.symbol for key in keys])
    keys = tuple(key for key in keys if not symbols or key.symbol in symbols)
    given = format_duration(spec.timeframe) if spec.timeframe is not None else None
    keys = _narrow(keys, "timeframe", given, [format_duration(key.timeframe) for key in keys])
    _one(keys, "feed", sorted({key.source for key in keys}))
    _one(keys, "timeframe", [format_duration(length) for length in sorted({key.timeframe for key in keys})])
    lacking = set(symbols) - {key.symbol for key in keys}
    if lacking:
        only = f"{keys[0].source} {format_duration(keys[0].timeframe)}"
        raise UnknownNameError(f"symbol of {only}", min(lacking), nearest(min(lacking), [key.symbol for key in keys]))
    return keys


def _narrow(keys: tuple[SeriesKey, ...], kind: str, wanted: str | None, names: Sequence[str]) -> tuple[SeriesKey, ...]:
    if wanted is None:
        return keys
    if wanted not in names:
        order = parse_duration if kind == "timeframe" else None
        raise UnknownNameError(f"{kind} in the lake", wanted, nearest(wanted, names), order)
    return tuple(key for key, name in zip(keys, names, strict=True) if name == wanted)


def nearest(name: str, known: Sequence[str]) -> list[str]:
    """The known names, or the ten that are nearest where they would fill a page."""
    names = sorted(set(known))
    return names if len(names) <= 20 else difflib.get_close_matches(name, names, n=10, cutoff=0.3) or names[:10]


def _one(keys: Sequence[SeriesKey], kind: str, names: Sequence[str]) -> None:
    if names[1:]:
        raise AmbiguousError(
            f"the lake holds {', '.join(sorted({key.symbol for key in keys})[:3])} of {kind}s {', '.join(names)}",
            f'data.{kind}="{names[0]}"',
        )


def _columns(manifests: Sequence[Manifest], spec: DataConfig) -> tuple[list[str], frozenset[str]]:
    """The columns to read from every series, and which of these only repairs need."""
    first = next((manifest for manifest in manifests if manifest.columns), None)
    if first is None:
        raise NotEnoughRowsError(
            f"the lake holds no row of {manifests[0].key}", "gatewise data list shows what it holds"
        )
    chosen, spare = choose_columns(f"lake {first.key}", {name: name for name in first.columns}, spec)
    shared = frozenset.intersection(*(frozenset(manifest.columns) for manifest in manifests if manifest.columns))
    names, spare = [name for name in chosen if name in shared or name not in spare], spare & shared
    for manifest in manifests:
        lacks = sorted(set(names) - set(manifest.columns)) if manifest.columns else []
        adds = sorted(set(manifest.columns) - set(first.columns)) if not spec.columns else []
        if lacks or adds:
            differences = [f"lacks {', '.join(lacks)}"] * bool(lacks) + [f"adds {', '.join(adds)}"] * bool(adds)
            raise SchemaError(
                f"series must hold the same columns; {manifest.key} {' and '.join(differences)} beside {first.key}",
                "load them apart, or keep what they share: data.columns=[open,high,low,close,volume]",
            )
    return names, spare
