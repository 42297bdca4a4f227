"""`gatewise train`: from rows to a proved, saved model."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from gatewise.cli.completion import run_ids
from gatewise.cli.flags import RUN_NAME, SEEDS, ConfigFlags, config_flags, refuse_name, seeds_from
from gatewise.config.flags import DATA_FLAGS, DECISION_FLAGS, MACHINE, MODEL_FLAGS, SETTINGS, TRAIN_FLAGS, TRAINING

if TYPE_CHECKING:
    from gatewise.config.schema import ExperimentConfig
    from gatewise.group.train import GroupOutcome

_RATE = "training.learning_rate"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("train")(train)


@config_flags(*DATA_FLAGS, *MODEL_FLAGS, *TRAIN_FLAGS, *DECISION_FLAGS)
def train(
    flags: ConfigFlags,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            help="Go on with a run that was cut off; takes a lower --learning-rate.",
            rich_help_panel=SETTINGS,
            autocompletion=run_ids,
        ),
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option(
            help="Stop between epochs, like 10m; --resume goes on.", show_default="none", rich_help_panel=TRAINING
        ),
    ] = None,
    stop_after_epoch: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Stop there, on the schedule of --max-epochs; --resume goes on.",
            show_default="none",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    per_symbol: Annotated[
        bool,
        typer.Option("--per-symbol", help="One model for each symbol, each its own run.", rich_help_panel=TRAINING),
    ] = False,
    seeds: Annotated[str | None, SEEDS] = None,
    fleet: Annotated[
        str | None,
        typer.Option(
            help="With --per-symbol or --seeds: train them as one: auto, on, off.",
            show_default="auto",
            rich_help_panel=MACHINE,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="With --per-symbol or --seeds: processes; 1 trains in this one.",
            show_default="one a core",
            rich_help_panel=MACHINE,
        ),
    ] = None,
    run_name: Annotated[str | None, RUN_NAME] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Say where the time went; also in profile.json.", rich_help_panel=MACHINE)
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no words; only the result.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object on stdout.")] = False,
) -> None:
    """Train a model, judge it beside baselines, save it with a report.

    Parts are chronological and purged; the verdict is that of the test part.

    With --per-symbol or --seeds exit code 2 also where some failed; the others have their runs all the same.

    Example: gatewise train --data BTCUSDT-1m.parquet --stamp open --model lstm --horizon 20 --seq-len 60

    Example: gatewise train --source lake --symbols BTC-USD,ETH-USD --timeframe 1m --horizon 20
    """
    from gatewise import host
    from gatewise.cli.output import print_json, set_up_logging
    from gatewise.cli.profile import print_profile
    from gatewise.cli.progress import EpochProgress
    from gatewise.clocks import counting
    from gatewise.config.load import load_config
    from gatewise.errors import ConfigError
    from gatewise.registry.folders import find_run_folder
    from gatewise.registry.listing import info_of
    from gatewise.training.budget import Budget

    set_up_logging(quiet)
    budget = Budget.of(max_time, stop_after_epoch)
    rate = flags.overrides.get(_RATE)
    refuse_name(run_name, resume)
    settings = replace(flags, overrides={name: value for name, value in flags.overrides.items() if name != _RATE})
    if resume and (settings.says_anything or per_symbol or seeds):
        raise ConfigError(
            "--resume takes the run's own config, and a lower --learning-rate; leave other settings out",
            "start a new run to change them",
        )
    if resume:
        config = load_config(find_run_folder(resume) / "config.yaml")
    else:
        config = flags.config({"training.per_symbol": True} if per_symbol else None, typed=True)
    if seeds is not None or config.training.per_symbol:
        if profile:
            raise ConfigError("--profile is of one run; --per-symbol and --seeds make several", "leave out --profile")
        from gatewise.cli.train_group import train_and_print

        trainer = _group_trainer(config, seeds, "training.seed" in flags.fields)
        more = {"fleet": fleet or "auto", "workers": workers, "name": run_name, "budget": budget}
        train_and_print(lambda listener: trainer(listener=listener, **more), config.data, quiet, as_json)
        return
    if fleet or workers:
        raise ConfigError("--fleet and --workers say how --per-symbol and --seeds train; got neither", "--seeds 3")
    from gatewise.registry.looks import known_looks, looks_key
    from gatewise.registry.profile import write_profile
    from gatewise.registry.train import train as train_and_record  # torch and MLflow, which workers load themselves

    before = host.process_seconds() if profile else 0.0
    with EpochProgress(config.training, quiet) as progress, counting() if profile else nullcontext() as clocks:
        run_id, outcome = train_and_record(
            None if resume else config,
            listeners=(progress,),
            resume=resume,
            learning_rate=rate if resume else None,
            name=run_name,
            budget=budget,
        )
    profiled = write_profile(clocks, config, outcome, before) if clocks else None
    called = info_of(outcome.folder).name
    if as_json:
        answer = {"run_id": run_id, "name": called, **outcome.to_dict(), **looks_key(outcome.folder)}
        print_json(answer | ({"profile": profiled} if profiled else {}))
    else:
        from gatewise.cli.answer import print_outcome  # with all that judges, which only now is loaded

        print_outcome(run_id, called, outcome, config.data, known_looks(outcome.folder))
        if profiled:
            print_profile(profiled)


def _group_trainer(config: ExperimentConfig, seeds: str | None, is_seeded: bool) -> Callable[..., GroupOutcome]:
    """What trains a run for each seed, or else for each symbol."""
    if seeds is None:
        from gatewise.group.symbols import train_symbols

        return partial(train_symbols, config)
    from gatewise.group.seeds import train_seeds

    return partial(train_seeds, config, seeds_from(seeds, config, is_seeded))
