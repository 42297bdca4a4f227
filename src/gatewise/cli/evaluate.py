"""`gatewise evaluate`: a run's stored test figures beside the gates that it must pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatewise.cli.completion import model_ids
from gatewise.cli.gate_flags import GateFlags, gate_flags
from gatewise.config.flags import MODEL, OUTPUT

if TYPE_CHECKING:
    from gatewise.gates.results import GateResults


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("evaluate")(evaluate)


@gate_flags
def evaluate(
    asked: GateFlags,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help="Run id (or enough of its start), NAME@champion, or run folder.",
            rich_help_panel=MODEL,
            autocompletion=model_ids,
        ),
    ],
    symbol: Annotated[
        str | None,
        typer.Option("--symbol", help="Judge this symbol's rows.", show_default="all", rich_help_panel=MODEL),
    ] = None,
    model_type: Annotated[
        str | None,
        typer.Option("--model-type", help="Which kind the model must be.", show_default="any", rich_help_panel=MODEL),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            help="The run in use, like NAME@champion.",
            show_default="none",
            rich_help_panel=MODEL,
            autocompletion=model_ids,
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option("--page", help="Of the results.", show_default="gates.html of the run", rich_help_panel=OUTPUT),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No words on the way.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Hold a run's stored test figures against gates.

    Nothing is scored anew: a figure stands as it was when the run was judged. Without a gate the default ones are
    asked: bundle verified, 1,000 test rows, shown to be better than the best baseline.

    Exit code 0: it passes; 3: a gate fails, and the table says which and why.

    Example: gatewise evaluate --model 3f2a --min-accuracy 0.68 --max-calibration-error 0.05

    Example: gatewise evaluate --model 3f2a --gates gates.yaml
    """
    from gatewise.champions.named import find_any_run
    from gatewise.cli.output import print_json, set_up_logging
    from gatewise.gates.evaluate import evaluate_run

    set_up_logging(quiet)
    champion = None if against is None else find_any_run(against)
    results, place = evaluate_run(find_any_run(model), asked.gates(), symbol, model_type, champion, page)
    if as_json:
        print_json(results.to_dict() | {"page": place and str(place)})
    else:
        print_results(results, place)
    if not results.passed:
        raise typer.Exit(3)


def print_results(results: GateResults, page: Path | None) -> None:
    """The headline, a line a gate, then in words why it fails and what the gates can't tell."""
    from rich.console import Console
    from rich.text import Text

    from gatewise.cli.output import from_here, print_looks, print_sentence, print_table, terminal_width
    from gatewise.evaluation.verdict import COLOURS
    from gatewise.gates.words import OUTCOMES, cells

    Console(highlight=False, markup=False).print(
        Text(results.headline, style=f"bold {COLOURS[results.tone].terminal}"), soft_wrap=terminal_width() is None
    )
    print()
    head, lines = cells(results)
    rows: list[list[str | Text]] = [
        [*line, Text(word, style=COLOURS[OUTCOMES[result.passed].tone].terminal)]
        for (*line, word), result in zip(lines, results.results, strict=True)
    ]
    print_table("", head, rows)
    if results.failed or results.remarks or (results.looks and results.looks.lines):
        print()
    for result in results.failed:
        print_sentence(f"{result.words}.", "fails: ")
    for remark in results.remarks:
        print_sentence(remark, "note: ")
    print_looks(results.looks)
    if page is not None:
        print(f"\npage   {from_here(page)}")
