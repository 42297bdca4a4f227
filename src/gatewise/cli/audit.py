"""`gatewise audit`: prove on one's own data that nothing looks ahead."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gatewise.cli.flags import ConfigFlags, config_flags
from gatewise.config.flags import DATA_FLAGS, DECISION_FLAGS, MODEL_FLAGS, TRAIN_FLAGS

_MODEL = "model.name"


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

    Its future is corrupted, its labels are permuted, and no past number may notice. With a run in place of a kind of
    model, its own config and rows are audited, and audit.json is kept beside it, for gates to read.

    Exit code 0: nothing leaks; 1: something does, and the check that failed names it.

    Example: gatewise audit --data BTCUSDT-1m.parquet --stamp open

    Example: gatewise audit --model 3f2a
    """
    from gatewise.cli.output import from_here, print_checks, set_up_logging
    from gatewise.data.load import load_table
    from gatewise.proofs import run_audit

    set_up_logging(quiet)
    kept = None
    if folder := _run_folder(flags):
        from gatewise.proofs.kept import audit_run

        overrides = {name: value for name, value in flags.overrides.items() if name != _MODEL}
        result, kept = audit_run(folder, flags.assignments, overrides)
    else:
        config = flags.config(typed=True)
        rows = load_table(config.data.model_copy(update={"resample": None})) if config.data.resample else None
        result = run_audit(config, load_table(config.data), seed=config.training.seed, rows=rows)
    print_checks(result, as_json, "nothing looks ahead", "something looks ahead", {"kept": str(kept)} if kept else None)
    if kept and not as_json:
        print(f"\nkept   {from_here(kept)}")
    if not result.passed:
        raise typer.Exit(1)


def _run_folder(flags: ConfigFlags) -> Path | None:
    """Of the run that --model names; `None` where it is not given, or names a kind of model."""
    from gatewise.champions.named import find_any_run
    from gatewise.config.schema import model_config
    from gatewise.errors import ConfigError, RunNotFoundError, UnknownNameError

    name = flags.overrides.get(_MODEL)
    if name is None:
        return None
    try:
        model_config(name)
        return None
    except UnknownNameError as error:
        try:
            folder = find_any_run(name)
        except RunNotFoundError as missing:
            hint = f"{error.hint}; of runs: {missing.hint}"
            raise ConfigError(f"--model must be a kind of model or a run; got {name!r}", hint) from None
    if flags.file or flags.preset:
        raise ConfigError("a run is audited by its own config; leave --config and --preset out", f"--model {name}")
    return folder
