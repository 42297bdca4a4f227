"""`gatewise data list`, `import`, and `check` without files: what the lake holds, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatewise.cli.flags import ConfigFlags, config_flags, translate
from gatewise.config.flags import DATA, DATA_FLAGS

if TYPE_CHECKING:
    from gatewise.config.schema import DataConfig
    from gatewise.data.check.lake import SeriesCheck
    from gatewise.lake.base import SeriesKey
    from gatewise.lake.lake import Lake

_MOST_LISTED = 20
_LAKE = Annotated[
    str | None, typer.Option("--lake", help="Folder of the lake, if not $GATEWISE_LAKE.", rich_help_panel=DATA)
]
_JSON = Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")]


def register(group: typer.Typer) -> None:
    """Adds the commands to the group `data`."""
    group.command("list")(list_series)
    group.command("import")(import_files)


def list_series(lake: _LAKE = None, as_json: _JSON = False) -> None:
    """List what the lake holds: feed, symbol, length of a bar, rows, first and last day, spans covered, size.

    Example: gatewise data list --lake bars
    """
    from gatewise.cli.output import print_json, print_table
    from gatewise.lake.lake import Lake

    place = Lake.default(lake)
    keys = place.keys()
    entries = [_entry(place, key) for key in keys]
    if as_json:
        print_json({"lake": str(place.root), "series": entries})
        return
    if not entries:
        print(f"the lake {place.root} holds no series; gatewise data fetch and gatewise data import fill it")
        return
    rows = [
        [
            *(str(entry[name]) for name in ("source", "symbol", "timeframe")),
            "damaged" if entry["error"] else f"{entry['rows']:,}",
            _day(entry["start"]),
            _day(entry["end"]),
            f"{len(entry['covered'])}",
            f"{entry['bytes'] / 1e6:,.1f} MB",
        ]
        for entry in entries
    ]
    names = ["feed", "symbol", "bars", "rows", "first", "last", "spans", "size"]
    print_table(str(place.root), names, rows)


@config_flags(*(flag for flag in DATA_FLAGS if flag.name not in ("--data", "--lake", "--feed", "--resample")))
def import_files(
    flags: ConfigFlags,
    files: Annotated[list[str] | None, typer.Argument(help="Files, folders or globs.")] = None,
    feed: Annotated[
        str, typer.Option("--feed", help="The name that the rows are kept under, like binance.", rich_help_panel=DATA)
    ] = "",
    lake: _LAKE = None,
    refetch: Annotated[
        bool, typer.Option("--refetch", help="Take new values for rows that the lake holds.", rich_help_panel=DATA)
    ] = False,
    as_json: _JSON = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No words about how the files were read.")] = False,
) -> None:
    """Put files into the lake, one series a symbol; the same files twice change no byte.

    Example: gatewise data import BTCUSDT-1m-2023-03-*.zip --feed binance --symbol BTCUSDT --format kline
    """
    import logging

    from gatewise.cli.output import print_json, print_table, set_up_logging
    from gatewise.errors import ConfigError
    from gatewise.feeds.importing import import_rows
    from gatewise.lake.lake import Lake

    set_up_logging(quiet)
    if not feed:
        raise ConfigError("imported rows need a name to be kept under", "--feed binance (or any other name)")
    spec = flags.config({"data.paths": files or None}).data
    if spec.source == "files" and not spec.paths:
        raise ConfigError("no file to import is named", f"gatewise data import FILES --feed {feed}")
    place = Lake.default(lake)
    done, rows = import_rows(spec, place, feed, refetch)
    for note in rows.notes:
        logging.getLogger("gatewise.data").info("%s", note)
    entries = [entry.to_dict() for entry in done]
    if as_json:
        print_json({"lake": str(place.root), "files": len(rows.files), "series": entries})
        return
    names = ["feed", "symbol", "timeframe", "added", "known", "differing"]
    counts = [[*(str(v) for v in list(e.values())[:3]), *(f"{v:,}" for v in list(e.values())[3:])] for e in entries]
    print_table(f"{len(rows.files)} file(s) into {place.root}", names, counts)


def check_series(spec: DataConfig, as_json: bool, absent: Path | None) -> None:
    """`gatewise data check` where no files are named; exit code 1 where a series can't be trained on as it is."""
    from gatewise.cli.output import print_json
    from gatewise.data.check.lake import absences_frame, check_lake
    from gatewise.files import require_frame_suffix, write_frame
    from gatewise.lake.lake import Lake

    if absent is not None:
        require_frame_suffix(absent)
    lake = Lake.default(spec.lake)
    checks = check_lake(lake, _chosen(lake, spec), spec)
    if absent is not None:
        write_frame(absent, absences_frame(checks))
    ok = all(check.ok for check in checks)
    if as_json:
        print_json({"lake": str(lake.root), "ok": ok, "series": [check.to_dict() for check in checks]})
    else:
        for check in checks:
            _print_check(check)
        print(f"{len(checks)} series, {'fit' if ok else 'not all fit'} to train on as they are")
    if not ok:
        raise typer.Exit(1)


def _chosen(lake: Lake, spec: DataConfig) -> tuple[SeriesKey, ...]:
    """All series of the lake, or those of the feed, symbols and timeframe that are named."""
    from gatewise.config.schema import format_duration, parse_duration
    from gatewise.data.lake_source import nearest
    from gatewise.errors import ConfigError, UnknownNameError

    keys = lake.keys()
    if not keys:
        raise ConfigError(
            f"no data is named, and the lake {lake.root} holds no series",
            "gatewise data check FILE, or gatewise data fetch or import something first",
        )
    length = format_duration(spec.timeframe) if spec.timeframe is not None else None
    symbols = spec.symbols or ((spec.symbol,) if spec.symbol else ())
    wanted = [("feed", spec.feed), ("timeframe", length), *(("symbol", symbol) for symbol in symbols)]
    for kind, name in wanted:
        names = {_part(key, kind) for key in keys}
        if name is not None and name not in names:
            order = parse_duration if kind == "timeframe" else None
            raise UnknownNameError(f"{kind} in the lake", name, nearest(name, sorted(names)), order)
    return tuple(
        key
        for key in keys
        if spec.feed in (None, key.source)
        and length in (None, _part(key, "timeframe"))
        and (not symbols or key.symbol in symbols)
    )


def _part(key: SeriesKey, kind: str) -> str:
    from gatewise.config.schema import format_duration

    return {"feed": key.source, "symbol": key.symbol, "timeframe": format_duration(key.timeframe)}[kind]


def _entry(lake: Lake, key: SeriesKey) -> dict[str, Any]:
    from gatewise.errors import DataError
    from gatewise.lake.manifest import iso

    series = lake.series(key)
    size = sum(file.stat().st_size for file in series.folder.glob("*.parquet"))
    names = {"source": key.source, "symbol": key.symbol, "timeframe": _part(key, "timeframe")}
    nothing: dict[str, Any] = {"rows": None, "start": None, "end": None, "covered": [], "facts": {}, "pages": None}
    try:
        manifest = series.manifest
    except DataError as error:
        return {**names, **nothing, "bytes": size, "error": error.message}
    if manifest is None:  # gone since the lake was listed
        return {**names, **nothing, "bytes": size, "error": "absent"}
    return {
        **names,
        "rows": manifest.rows,
        "start": iso(manifest.start) if manifest.start else None,
        "end": iso(manifest.end) if manifest.end else None,
        "covered": [[iso(start), iso(end)] for start, end in manifest.covered],
        "facts": manifest.facts,
        "pages": len(manifest.pages),
        "bytes": size,
        "error": None,
    }


def _day(text: str | None) -> str:
    return text[:10] if text else "–"


_KINDS = {
    "left_out": "left out, as what was answered can't be (gatewise data fetch --refetch asks again)",
    "outage": "outage",
    "before_first": "not listed yet",
    "after_last": "no more rows",
}


def _print_check(check: SeriesCheck) -> None:
    from gatewise.errors import one_line

    manifest, absences = check.manifest, check.absences
    print(f"{one_line(str(check.key))}: {manifest.rows if manifest else 0:,} rows{'' if check.ok else ' — not fit'}")
    if check.error:
        print(f"  {translate(check.error)}")
    for damage in check.damaged:
        print(f"  {damage.reason}; the next fetch or import asks for its span again")
    if absences is not None:
        no_trade = absences.of_kind("no_trade")["bars"]
        longest = f", at most {int(no_trade.sort()[-1]):,} in a row" if no_trade.len() else ""
        print(f"  {absences.absent:,} of {absences.bars:,} bars absent: {no_trade.sum():,} without trades{longest}")
        for kind, label in _KINDS.items():
            runs = absences.of_kind(kind)
            for start, end, bars in runs.head(_MOST_LISTED).select("start", "end", "bars").iter_rows():
                print(f"  {label}: {bars:,} bars from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC")
            if runs.height > _MOST_LISTED:
                print(f"  … and {runs.height - _MOST_LISTED:,} more; --absent FILE.csv lists every run")
    for start, end in check.uncovered[:_MOST_LISTED]:
        print(f"  never asked for: {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC")
    for finding in check.report.findings if check.report else ():
        if finding.count and finding.kind != "gaps":
            examples = "; ".join(finding.examples)
            print(f"  {finding.kind.replace('_', ' ')}: {finding.count:,}{f' ({examples})' if examples else ''}")
            print(f"    → {translate(finding.remedy)}")
