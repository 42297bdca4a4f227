"""`gatewise train`: from rows to a proved, saved model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gatewise.cli.completion import run_ids
from gatewise.cli.flags import RUN_NAME, ConfigFlags, config_flags, refuse_name, translate
from gatewise.config.flags import DATA_FLAGS, MACHINE, MODEL_FLAGS, SETTINGS, TRAIN_FLAGS, TRAINING

if TYPE_CHECKING:
    from gatewise.config.schema import DataConfig
    from gatewise.evaluation.evaluate import Evaluation
    from gatewise.outcome import Outcome


_RATE = "training.learning_rate"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("train")(train)


@config_flags(*DATA_FLAGS, *MODEL_FLAGS, *TRAIN_FLAGS)
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
    fleet: Annotated[
        str | None,
        typer.Option(
            help="With --per-symbol: train them as one: auto, on, off.", show_default="auto", rich_help_panel=MACHINE
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="With --per-symbol: processes; 1 trains in this one.",
            show_default="one a core",
            rich_help_panel=MACHINE,
        ),
    ] = None,
    run_name: Annotated[str | None, RUN_NAME] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no words; only the result.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object on stdout.")] = False,
) -> None:
    """Train a model on purged chronological parts, judge it beside baselines, save a bundle and a report.

    With --per-symbol exit code 2 also where some symbols failed; the others have their runs all the same.

    Example: gatewise train --data BTCUSDT-1m.parquet --stamp open --model lstm --horizon 20 --seq-len 60

    Example: gatewise train --source lake --symbols BTC-USD,ETH-USD --timeframe 1m --horizon 20
    """
    from gatewise.cli.output import print_json, set_up_logging
    from gatewise.cli.progress import EpochProgress
    from gatewise.cli.train_symbols import train_per_symbol
    from gatewise.config.load import load_config
    from gatewise.errors import ConfigError
    from gatewise.registry.folders import find_run_folder
    from gatewise.training.budget import Budget

    set_up_logging(quiet)
    budget = Budget.of(max_time, stop_after_epoch)
    rate = flags.overrides.get(_RATE)
    refuse_name(run_name, resume)
    if resume and (flags.file or flags.assignments or flags.overrides.keys() - {_RATE} or per_symbol):
        raise ConfigError(
            "--resume takes the run's own config, and a lower --learning-rate; leave other settings out",
            "start a new run to change them",
        )
    if resume:
        config = load_config(find_run_folder(resume) / "config.yaml")
    else:
        overrides = flags.overrides | ({"training.per_symbol": True} if per_symbol else {})
        config = load_config(flags.file, flags.assignments, overrides, typed=True)
    if config.training.per_symbol:
        train_per_symbol(config, fleet or "auto", workers, run_name, quiet, as_json, budget)
        return
    if fleet or workers:
        raise ConfigError("--fleet and --workers say how --per-symbol trains; it was not given", "--per-symbol")
    from gatewise.registry.train import train as train_and_record  # torch and MLflow, which workers load themselves

    with EpochProgress(config.training, quiet) as progress:
        run_id, outcome = train_and_record(
            None if resume else config,
            listeners=(progress,),
            resume=resume,
            learning_rate=rate if resume else None,
            name=run_name,
            budget=budget,
        )
    if as_json:
        print_json({"run_id": run_id, **outcome.to_dict()})
    else:
        _print_outcome(run_id, outcome, config.data)


def _print_outcome(run_id: str, outcome: Outcome, data: DataConfig) -> None:
    from gatewise.cli.output import newer_rows, print_headline, print_sentence, print_table

    print()
    columns, rows, why = _comparison(outcome.evaluation)
    print_table("", columns, rows)
    for line in why:
        print_sentence(line)
    print()
    if rows := _column_rows(outcome.evaluation):
        print_table("column by column, in the columns' own units, beside the last value", list(_COLUMN_HEAD), rows)
        print()
    if rows := _symbol_rows(outcome.evaluation):
        metric = next(iter(outcome.evaluation.parts.values())).deciding_metric
        head = ["part", "symbol", "rows", metric, "best baseline's", "difference", "verdict"]
        print_table("symbol by symbol, beside the best baseline", head, rows)
        print()
    print_headline(outcome.evaluation.judgement)
    for result in outcome.evaluation.parts.values():
        print_sentence(result.summary)
    if outcome.curves:
        print_sentence(f"{translate(outcome.curves.sentence)}.")
    for remark in outcome.remarks:
        print_sentence(f"note: {translate(remark)}")
    print(
        f"\nrun          {run_id}"
        f"\nreport       {outcome.report}"
        f"\npredictions  {outcome.predictions}"
        f"\nbundle       {outcome.bundle}"
        "\n\nnext:"
        f"\n  gatewise predict --model {run_id[:8]} {newer_rows(data)} -o predictions.csv"
        f"\n  gatewise runs show {run_id[:8]}"
        "\n  gatewise ui"
    )


_COLUMN_HEAD = ("part", "column", "rmse", "last value's", "difference", "mae", "last value's", "direction", "verdict")


def _column_rows(evaluation: Evaluation) -> list[list[str]]:
    """Errors of each predicted column beside persistence's, part by part; none where no column is predicted."""
    from gatewise.evaluation.base import decimals, shown
    from gatewise.evaluation.interval_words import bounds_text

    rows = []
    for part, result in evaluation.parts.items():
        for name, column in result.columns.items():
            model, last, by = column.metrics, column.persistence, column.difference
            cells = []
            for metric in ("rmse", "mae"):
                places = decimals(max(model[metric].value, last[metric].value))
                cells += [shown(metrics[metric].value, places, ",") for metrics in (model, last)]
                if metric == "rmse":
                    cells.append(f"{by.value:+,.{places}f} {bounds_text(by, places, sign='+,')}".rstrip())
            direction = f"{model['directional_accuracy'].value:.3f}"
            rows.append([part, name, *cells, direction, column.words])
    return rows


def _symbol_rows(evaluation: Evaluation) -> list[list[str]]:
    """The newest part's verdict for each symbol; none where there is but one."""
    from gatewise.evaluation.base import decimals, shown, signed

    part, result = list(evaluation.parts.items())[-1]
    rows = []
    for name, judged in result.symbols.items():
        deciding = judged.deciding_metric
        metric, best = judged.metrics[deciding], judged.baselines[judged.best_baseline][deciding]
        places = decimals(max(metric.value, best.value))
        beside = f"{shown(best.value, places, ',')} {judged.best_baseline}"
        difference = signed(judged.differences[judged.best_baseline], places)
        rows.append(
            [part, name, f"{judged.rows:,}", shown(metric.value, places, ","), beside, difference, judged.short]
        )
    return rows


def _comparison(evaluation: Evaluation) -> tuple[list[str], list[list[str]], list[str]]:
    """The deciding metrics of model and baselines, part by part, with the model's interval, or why there is none."""
    from gatewise.evaluation.base import enough, shown
    from gatewise.evaluation.interval_words import bounds_text, without_interval
    from gatewise.evaluation.metric_names import IN_TABLES

    first = next(iter(evaluation.parts.values()))
    names = [name for name in IN_TABLES if name in first.metrics]
    rows = []
    for part, result in evaluation.parts.items():
        for who, metrics in {"model": result.metrics, **result.baselines}.items():
            intervals = [metrics[name] for name in names]
            rows.append([part, who, *(shown(interval.value, 3) for interval in intervals)])
            bounds = [bounds_text(interval, enough(interval.value, 3)) for interval in intervals]
            if who == "model" and any(bounds):
                rows.append(["", f"  {result.confidence:.0%} interval", *bounds])
    why = without_interval({part: result.metrics for part, result in evaluation.parts.items()}, names)
    return ["part", "who", *names], rows, why
