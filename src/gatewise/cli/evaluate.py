"""`gatewise evaluate`: a run's stored test figures beside the gates that it must pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatewise.cli.completion import run_ids
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
            "--model", help="Run id (or enough of its start) or folder.", rich_help_panel=MODEL, autocompletion=run_ids
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
            help="The run in use, for --min-gain-over-champion.",
            show_default="none",
            rich_help_panel=MODEL,
            autocompletion=run_ids,
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
    from gatewise.cli.output import print_json, set_up_logging
    from gatewise.gates.evaluate import evaluate_run

    set_up_logging(quiet)
    results, place = evaluate_run(model, asked.gates(), symbol, model_type, against, page)
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

    from gatewise.cli.output import from_here, print_sentence, print_table, terminal_width
    from gatewise.evaluation.verdict import COLOURS
    from gatewise.gates.words import OUTCOMES, bound_text, figure_text, gate_name, interval_text

    Console(highlight=False, markup=False).print(
        Text(results.headline, style=f"bold {COLOURS[results.tone].terminal}"), soft_wrap=terminal_width() is None
    )
    print()
    deciding = results.deciding_metric
    rows: list[list[str | Text]] = []
    for result in results.results:
        metric, figure = result.gate.metric, result.figure
        outcome = OUTCOMES[result.passed]
        rows.append(
            [
                gate_name(result.gate),
                figure_text(metric, figure.value if figure else None, deciding),
                interval_text(metric, figure, deciding),
                bound_text(result.gate, deciding),
                Text(outcome.word, style=COLOURS[outcome.tone].terminal),
            ]
        )
    head = [f"test, {results.rows:,} rows", "value", f"{results.confidence:.0%} interval", "bound", ""]
    print_table("", head, rows)
    print()
    print_sentence(results.sentence)
    for remark in results.remarks:
        print_sentence(f"note: {remark}")
    if page is not None:
        print(f"\npage   {from_here(page)}")
