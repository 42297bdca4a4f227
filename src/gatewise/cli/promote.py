"""`gatewise promote`: a run that passes its gates becomes the champion of a name."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewise.cli.completion import champion_names, run_ids
from gatewise.cli.gate_flags import GateFlags, gate_flags
from gatewise.config.flags import OUTPUT


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("promote")(promote)


@gate_flags
def promote(
    asked: GateFlags,
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="A run's name, or its id or enough of its start.", autocompletion=run_ids),
    ],
    name: Annotated[str, typer.Option("--name", help="Whose champion it becomes.", autocompletion=champion_names)],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the history.", show_default="none")] = "",
    override: Annotated[
        str | None,
        typer.Option(
            "--override", help="Promote though gates fail, and why; the history keeps it.", show_default="gates decide"
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No words on the way.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.", rich_help_panel=OUTPUT)] = False,
) -> None:
    """Make a run the champion of a name, if it passes its gates.

    Its bundle is checked, gates are asked (without a gate the default ones, beside the present champion), a copy goes
    to the store, and one entry is written to the history. Two at once: one wins, the other is told.

    Exit code 3: a gate fails, the table says which and why, and nothing is written.

    Example: gatewise promote 3f2a --name btc-usd-direction --reason "retrained on November"

    Example: gatewise promote 3f2a --name btc-usd-direction --gates gates.yaml --override "agreed with risk"
    """
    from gatewise.champions.follow import followed
    from gatewise.champions.log import open_log
    from gatewise.champions.promote import candidate
    from gatewise.champions.promote import promote as promoted
    from gatewise.champions.store import open_store
    from gatewise.cli.evaluate import print_results
    from gatewise.cli.output import print_json, set_up_logging
    from gatewise.cli.registry_words import print_change

    set_up_logging(quiet)
    judged = candidate(run, name, asked.gates(), override=override is not None)
    if not judged.gates.passed and override is None:
        if as_json:
            print_json({"promoted": False, "name": name, "gates": judged.gates.to_dict()})
        else:
            print_results(judged.gates, None)
            print(f"\nnot promoted; {f'{name} is as it was' if judged.present else f'nothing is live under {name}'}")
        raise typer.Exit(3)
    change = followed(promoted(judged, reason=reason, override=override), open_log(), open_store())
    if as_json:
        print_json({"promoted": True, "name": name, "gates": judged.gates.to_dict()} | change.to_dict())
        return
    print_results(judged.gates, None)
    print()
    print_change(change)
