"""`gatewise data`: what is in files, and what is wrong with them, before anything is trained on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatewise.cli import data_cache, data_fetch, data_init_db, data_lake
from gatewise.cli.flags import ConfigFlags, config_flags, translate
from gatewise.config.flags import DATA_FLAGS, OUTPUT

if TYPE_CHECKING:
    from gatewise.data.check.rows import Report


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(help="Look at data files, and keep a lake of bars.", no_args_is_help=True)
    group.command("check")(check)
    data_lake.register(group)
    data_fetch.register(group)
    data_init_db.register(group)
    data_cache.register(group)
    app.add_typer(group, name="data")


@config_flags(*DATA_FLAGS)
def check(
    flags: ConfigFlags,
    files: Annotated[list[str] | None, typer.Argument(help="Files, folders or globs: one data set together.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No words about how the files were read.")] = False,
    absent: Annotated[
        Path | None,
        typer.Option(
            "--absent", help="The lake: lists every run of absent bars here, .csv or .parquet.", rich_help_panel=OUTPUT
        ),
    ] = None,
) -> None:
    """Count what is wrong with files, or with the lake where none is named, and say where.

    Exit code 1 where they can't be trained on as they are.

    Example: gatewise data check BTCUSDT-1m.parquet --stamp open

    Example: gatewise data check --symbols BTC-USD
    """
    from gatewise.cli.output import print_json
    from gatewise.data.check.rows import check_data
    from gatewise.errors import ConfigError

    paths = [*(files or []), *flags.overrides.get("data.paths", [])]
    spec = flags.config({"data.paths": paths or None}).data
    if spec.source == "lake" or (spec.source == "files" and not spec.paths):
        data_lake.check_series(spec, as_json, absent)
        return
    if absent is not None:
        raise ConfigError("--absent lists bars that the lake lacks; got files to check", "leave out one of the two")
    report = check_data(spec)
    if as_json:
        print_json(report.to_dict())
    else:
        place = f"{report.files} file(s)" if spec.source != "sql" else "the database"
        _print_report(report, quiet, place)
    if not report.ok:
        raise typer.Exit(1)


def _print_report(report: Report, quiet: bool, place: str) -> None:
    import sys

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from gatewise.cli.output import print_sentence, terminal_width
    from gatewise.config.schema import format_duration
    from gatewise.errors import one_line

    console, errors = Console(highlight=False, markup=False), Console(stderr=True)
    for note in () if quiet else report.notes:
        errors.print(escape(translate(note)), style="dim", highlight=False, soft_wrap=not sys.stderr.isatty())
    why = "see the rows in red" if report.timeframe is not None else "its timeframe is unknown (--timeframe)"
    doubts = [finding.kind.replace("_", " ") for finding in report.findings if finding.count and finding.doubtful]
    fit = f"fit to train on, if these are as they should be: {', '.join(doubts)}" if doubts else "fit to train on"
    verdict = fit if report.ok else f"not fit to train on as it is: {why}"
    style = "bold yellow" if report.ok and doubts else "bold green" if report.ok else "bold red"
    print()
    console.print(verdict, style=style, soft_wrap=terminal_width() is None)
    names = ", ".join(map(one_line, report.symbols[:6])) + (
        f", … ({len(report.symbols)})" if len(report.symbols) > 6 else ""
    )
    timeframe = "unknown" if report.timeframe is None else format_duration(report.timeframe)
    rows = f"{report.rows:,} row{'' if report.rows == 1 else 's'}"
    print_sentence(f"{rows} of {names} in {place}, timeframe {timeframe}")
    print_sentence(f"stamped {report.first_stamp} to {report.last_stamp}; knowable {report.start} to {report.end}")
    print()
    if any(finding.count for finding in report.findings):
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("finding", no_wrap=True)
        table.add_column("count", justify="right", no_wrap=True)
        table.add_column("where (the first ones; gaps: the longest), and what to do", overflow="fold")
        for finding in report.findings:
            if finding.count:
                lines = [*finding.examples, f"→ {translate(finding.remedy)}"]
                color = "red" if finding.blocks else "yellow"
                kind = finding.kind.replace("_", " ")
                table.add_row(kind, f"{finding.count:,}", escape("\n".join(lines)), style=color)
        console.print(table)
        print()
    none = [finding.kind.replace("_", " ") for finding in report.findings if not finding.count]
    print_sentence(f"nothing of: {', '.join(none)}")
