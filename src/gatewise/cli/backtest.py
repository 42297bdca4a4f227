"""`gatewise backtest`: what trading a model makes, on the test rows of its run or on new rows."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatewise.cli.flags import A_MODEL, ConfigFlags, config_flags
from gatewise.config.flags import BROKER_FLAGS, DATA_FLAGS, MACHINE, OUTPUT

if TYPE_CHECKING:
    from gatewise.registry.backtest import ModelBacktest


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("backtest")(backtest)


@config_flags(*DATA_FLAGS, *BROKER_FLAGS, as_trained=True)
def backtest(
    flags: ConfigFlags,
    model: Annotated[str, A_MODEL],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Trades: .csv or .parquet.", show_default="none", rich_help_panel=OUTPUT),
    ] = None,
    steps: Annotated[
        Path | None,
        typer.Option("--steps", help="Curves: .csv or .parquet.", show_default="none", rich_help_panel=OUTPUT),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option("--page", help="The page.", show_default="backtest.html of the run", rich_help_panel=OUTPUT),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1.", rich_help_panel=MACHINE)] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No words on the way.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Trade a model's predictions, with fees, and say what is left.

    Without rows the test rows of the model's own run, as it predicted them; with rows all that it can predict.

    Example: gatewise backtest --model 3f2a --cost 0.0002 --slippage 0.0001 -o trades.csv

    Example: gatewise backtest --model 3f2a --data new.parquet --sides long
    """
    from gatewise.champions.named import find_model
    from gatewise.cli.output import print_json, set_up_logging
    from gatewise.errors import StorageError
    from gatewise.files import require_frame_suffix, require_place, write_frame, write_text

    set_up_logging(quiet)
    log = logging.getLogger("gatewise.backtest")
    places = {flag: place.expanduser() for flag, place in (("-o", output), ("--steps", steps)) if place is not None}
    for place in places.values():
        require_frame_suffix(place)
    if page is not None and page.suffix != ".html":
        from gatewise.errors import ConfigError

        raise ConfigError(f"--page is a .html file; got {page.name!r}", "name a file like backtest.html")
    for place in (*places.values(), *([page.expanduser()] if page else [])):
        require_place(place.absolute().parent)
    folder = find_model(model)

    from gatewise.bundle import Bundle
    from gatewise.data.load import load_table
    from gatewise.registry.backtest import backtest_model

    bundle, run = Bundle.load(folder), folder.parent if folder.name == "bundle" else None
    trading, reading = _apart(flags)
    table = None
    if reading.says_anything:
        spec = bundle.reading(reading.file, reading.assignments, reading.overrides)
        table = load_table(spec, unnamed=bundle.only_symbol)
    said = trading.assignments, trading.overrides
    made = backtest_model(bundle, run, table, *said, device=device, warn=lambda words: log.warning("%s", words))
    shown = page.expanduser() if page else run and run / "backtest.html"
    for flag, place in places.items():
        write_frame(place, made.trades if flag == "-o" else made.steps)
    if shown is not None:
        try:
            write_text(shown, made.page)
        except StorageError as error:
            if page is not None:
                raise
            log.warning("the page was not written: %s", error.message)
            shown = None
    files = {"trades_file": places.get("-o"), "steps_file": places.get("--steps"), "page": shown}
    if as_json:
        print_json(made.to_dict() | {name: place and str(place) for name, place in files.items()})
    else:
        _print(made, [place for place in files.values() if place])


def _apart(flags: ConfigFlags) -> tuple[ConfigFlags, ConfigFlags]:
    """What is said of trading, and of reading rows."""
    trading = ConfigFlags(
        None,
        tuple(filter(_is_of_trading, flags.assignments)),
        {field: value for field, value in flags.overrides.items() if _is_of_trading(field)},
    )
    reading = ConfigFlags(
        flags.file,
        tuple(text for text in flags.assignments if not _is_of_trading(text)),
        {field: value for field, value in flags.overrides.items() if field not in trading.overrides},
    )
    return trading, reading


def _is_of_trading(text: str) -> bool:
    return text.strip().startswith(("broker.", "evaluation."))


def _print(made: ModelBacktest, files: list[Path]) -> None:
    from gatewise.cli.output import from_here, print_sentence, print_table
    from gatewise.report.backtest import SYMBOL_FIGURES, named_figures

    print_sentence(f"{made.title}: {made.caption}")
    print()
    print_table("", ["", "account"], [[name, value] for name, value in named_figures(made.backtest).items()])
    if made.backtest.symbols:
        print()
        lines = []
        for name, one in made.backtest.symbols.items():
            figures = named_figures(one)
            lines.append([name, *(figures[column] for column in SYMBOL_FIGURES)])
        print_table("each symbol as an account of its own", ["symbol", *SYMBOL_FIGURES], lines)
    print()
    for note in made.notes:
        print_sentence(f"note: {note}")
    for place in files:
        print(from_here(place))
