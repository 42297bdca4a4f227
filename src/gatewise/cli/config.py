"""`gatewise config`: what an experiment's configuration resolves to."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewise.cli.flags import ConfigFlags, config_flags
from gatewise.cli.presets import print_presets
from gatewise.config.flags import DATA_FLAGS, DECISION_FLAGS, MODEL_FLAGS, TRAIN_FLAGS


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(help="Show and check configurations.", no_args_is_help=True)
    group.command("show")(show)
    group.command("presets")(presets)
    app.add_typer(group, name="config")


@config_flags(*DATA_FLAGS, *MODEL_FLAGS, *TRAIN_FLAGS, *DECISION_FLAGS)
def show(
    flags: ConfigFlags,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of YAML.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No words on the way.")] = False,
) -> None:
    """Print the resolved config; feeding it back with --config gives the same hash.

    Example: gatewise config show --model gru --horizon 5 > mine.yaml
    """
    from gatewise.cli.output import print_json, set_up_logging
    from gatewise.config.load import to_yaml

    set_up_logging(quiet)
    config = flags.config(typed=True)
    if as_json:
        print_json({"hash": config.digest, "config": config.to_dict()})
    else:
        print(f"# hash: {config.digest}")
        print(to_yaml(config), end="")


def presets(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No words on the way.")] = False,
) -> None:
    """List the built-in presets, settings of whole experiments that --preset takes.

    Example: gatewise config presets
    """
    print_presets(as_json)
