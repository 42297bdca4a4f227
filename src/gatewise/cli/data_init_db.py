"""`gatewise data init-db`: the documented table and view in a database, and files loaded into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatewise.cli.flags import ConfigFlags, config_flags
from gatewise.config.flags import DATA, DATA_FLAGS

if TYPE_CHECKING:
    from gatewise.data.sql.load import Loaded

_ELSEWHERE = ("--data", "--source", "--lake", "--feed", "--table", "--query", "--resample", "--calendar", "--session")
_FLAGS = tuple(flag for flag in DATA_FLAGS if flag.name not in (*_ELSEWHERE, "--gap-tolerance"))


def register(group: typer.Typer) -> None:
    """Adds the command to the group `data`."""
    group.command("init-db")(init_db)


@config_flags(*_FLAGS)
def init_db(
    flags: ConfigFlags,
    files: Annotated[list[str] | None, typer.Argument(help="More files to load, as a glob gives them.")] = None,
    load: Annotated[
        list[str] | None, typer.Option("--load", help="File, folder or glob of bars to load.", rich_help_panel=DATA)
    ] = None,
    sma_rows: Annotated[
        int, typer.Option("--sma-rows", min=1, help="Rows in the mean of sma_value.", rich_help_panel=DATA)
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No words on the way.")] = False,
) -> None:
    """Make table bars and view vw_ticker_timeseries in SQLite or PostgreSQL, and load files; run again, it adds only.

    Example: gatewise data init-db --url sqlite:///bars.db --load AAPL.csv --load MSFT.csv
    """
    from gatewise.cli.output import print_json, set_up_logging
    from gatewise.data.files.discover import find_files
    from gatewise.data.sql.connect import open_database
    from gatewise.data.sql.load import load_bars
    from gatewise.data.sql.schema import BARS, VIEW, create_schema, require_documented
    from gatewise.data.sql.url import resolve_url, shown

    set_up_logging(quiet)
    spec = flags.config().data
    named = (*(load or []), *(files or []))
    paths = find_files(named)[0] if named else []
    url = resolve_url(spec.url)
    require_documented(url)
    loads: list[tuple[str, Loaded]] = []
    with open_database(url, write=True) as connection:  # all of it or nothing
        schema = create_schema(connection, sma_rows)
        for path in paths:
            one = spec.model_copy(update={"source": "files", "paths": (str(path),)})
            loads.append((str(path), load_bars(connection, one)))
    result = {
        "url": shown(url),
        "table": {"name": BARS, "state": schema.table},
        "view": {"name": VIEW, "state": schema.view, "sma_rows": sma_rows},
        "loaded": [_one(path, loaded) for path, loaded in loads],
    }
    if as_json:
        print_json(result)
    else:
        _print(result, loads)


def _one(path: str, loaded: Loaded) -> dict[str, Any]:
    return {
        "file": path,
        "symbols": list(loaded.symbols),
        "rows": loaded.rows,
        "added": loaded.added,
        "changed": loaded.changed,
        "same": loaded.same,
    }


def _print(result: dict[str, Any], loads: list[tuple[str, Loaded]]) -> None:
    states = {"made": "made", "replaced": "replaced", "kept": "there already"}
    table, view = result["table"], result["view"]
    print(
        f"{result['url']}: table {table['name']} {states[table['state']]}, view {view['name']} {states[view['state']]}"
    )
    print(f"sma_value is the mean close of {view['sma_rows']} rows, none of them later")
    for path, loaded in loads:
        names = ", ".join(loaded.symbols[:3]) + (", …" if loaded.symbols[3:] else "")
        print(
            f"{path}: {loaded.rows:,} rows of {names}: {loaded.added:,} new, {loaded.changed:,} changed, "
            f"{loaded.same:,} as they were"
        )
