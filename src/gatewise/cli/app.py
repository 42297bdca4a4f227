"""The sub-commands' assembly."""

from __future__ import annotations

from typing import cast

import typer

from gatewise.cli import audit, config, cv, data, models, predict, runs, train, tune

app = typer.Typer(
    name="gatewise",
    help="From raw rows to a model that is trained honestly, proved and saved.\n\nTry: gatewise train --source sp500",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# Typer carries its own copy of click and hands on only this subclass of its usage error.
UsageError = cast(type[typer.BadParameter], typer.BadParameter.__bases__[0])

for group in (data, models, config, runs):
    group.register(app)
for verb in (train, cv, tune, predict, audit):
    verb.register(app)
