"""The sub-commands' assembly."""

from __future__ import annotations

from typing import Annotated, cast

import typer

from gatewise.cli import (
    audit,
    backtest,
    compare,
    config,
    cv,
    data,
    evaluate,
    explain,
    models,
    predict,
    promote,
    registry,
    rollback,
    runs,
    study,
    train,
    tune,
)
from gatewise.cli.help import Command

app = typer.Typer(
    name="gatewise",
    help="From raw rows to a model that is trained honestly, proved and saved.\n\nTry: gatewise train --source sp500",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# Typer carries its own copy of click and hands on only this subclass of its usage error.
UsageError = cast(type[typer.BadParameter], typer.BadParameter.__bases__[0])


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"gatewise {version('gatewise')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


for verb in (
    train,
    cv,
    compare,
    study,
    tune,
    predict,
    promote,
    explain,
    backtest,
    evaluate,
    audit,
    rollback,
    registry,
    data,
    models,
    config,
    runs,
):
    verb.register(app)


def _with_groups(commands: typer.Typer) -> None:
    """Every command's options in groups."""
    for info in commands.registered_commands:
        info.cls = Command
    for inner in commands.registered_groups:
        if inner.typer_instance is not None:
            _with_groups(inner.typer_instance)


_with_groups(app)
