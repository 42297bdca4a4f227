"""`gatewise audit`: prove on one's own data that nothing looks ahead."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewise.cli.flags import ConfigFlags, config_flags
from gatewise.config.flags import DATA_FLAGS, DECISION_FLAGS, MODEL_FLAGS, TRAIN_FLAGS


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("audit")(audit)


@config_flags(*DATA_FLAGS, *MODEL_FLAGS, *TRAIN_FLAGS, *DECISION_FLAGS)
def audit(
    flags: ConfigFlags,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No words on the way.")] = False,
) -> None:
    """Prove on your own data that nothing looks ahead.

    Its future is corrupted, its labels are permuted, and no past number may notice.

    Exit code 0: nothing leaks; 1: something does, and the check that failed names it.

    Example: gatewise audit --data BTCUSDT-1m.parquet --stamp open
    """
    from gatewise.cli.output import print_checks, set_up_logging
    from gatewise.data.load import load_table
    from gatewise.proofs import run_audit

    set_up_logging(quiet)
    config = flags.config(typed=True)
    rows = load_table(config.data.model_copy(update={"resample": None})) if config.data.resample else None
    result = run_audit(config, load_table(config.data), seed=config.training.seed, rows=rows)
    print_checks(result, as_json, "nothing looks ahead", "something looks ahead")
    if not result.passed:
        raise typer.Exit(1)
