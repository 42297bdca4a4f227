"""`gatewise rollback`: a former champion is the champion again."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewise.cli.registry import NAME


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("rollback")(rollback)


def rollback(
    name: Annotated[str, NAME],
    to: Annotated[
        str | None,
        typer.Option(
            "--to", help="An entry's number, or a bundle's address.", show_default="what stood before the present one"
        ),
    ] = None,
    to_frozen: Annotated[
        bool, typer.Option("--to-frozen", help="To the weights that were promoted, before they were updated.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the history.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of words.")] = False,
) -> None:
    """Make a former champion the champion again; its stored bundle is checked first.

    A second time goes back one further, not to what was just left; --to goes to any.

    Example: gatewise rollback btc-usd-direction --reason "it stopped trading"
    """
    from gatewise.champions.follow import followed
    from gatewise.champions.log import open_log
    from gatewise.champions.rollback import FROZEN
    from gatewise.champions.rollback import rollback as rolled_back
    from gatewise.champions.store import open_store
    from gatewise.cli.output import print_json
    from gatewise.cli.registry_words import print_change
    from gatewise.errors import ConfigError

    if to_frozen and to is not None:
        raise ConfigError(f"one way back at a time; got --to {to} and --to-frozen", "leave one of them out")
    change = followed(rolled_back(name, FROZEN if to_frozen else to, reason=reason), open_log(), open_store())
    if as_json:
        print_json(change.to_dict())
    else:
        print_change(change)
