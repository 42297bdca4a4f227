"""`gatewise tune`: the best settings of a model, searched without a look at the test part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from gatewise.cli.flags import ConfigFlags, config_flags, translate
from gatewise.config.flags import CV_FLAGS, DATA_FLAGS, MACHINE, MODEL_FLAGS, SEARCH, SETTINGS, TRAIN_FLAGS

if TYPE_CHECKING:
    from gatewise.config.schema import ExperimentConfig
    from gatewise.selection.tuning.folder import StudyRequest
    from gatewise.selection.tuning.space import SearchSpace
    from gatewise.selection.tuning.tune import Tuned

_MOST_LINES = 10


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("tune")(tune)


@config_flags(*DATA_FLAGS, *CV_FLAGS, *MODEL_FLAGS, *TRAIN_FLAGS)
def tune(
    flags: ConfigFlags,
    space: Annotated[
        str | None,
        typer.Option(
            help="Search space: a model's, wide, or a YAML file.", show_default="the model's", rich_help_panel=SEARCH
        ),
    ] = None,
    n_trials: Annotated[
        int | None,
        typer.Option(help="Trials the study is to hold in the end.", show_default="50", rich_help_panel=SEARCH),
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option(help="Begin no trial after, like 30m or 2h.", show_default="none", rich_help_panel=SEARCH),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            help="Database to keep the study in: sqlite:///study.db.",
            show_default="in its folder",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    study_name: Annotated[
        str | None,
        typer.Option(
            "--run-name",
            "--study-name",
            help="The run's name, and the study's in --storage, where it goes on.",
            show_default="of data, model and target",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    pruner: Annotated[
        str | None, typer.Option(help="median, hyperband or none.", show_default="median", rich_help_panel=SEARCH)
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option(
            help="How trials are chosen: tpe, random, or grid, all points once.",
            show_default="tpe",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Trials side by side, a process each; 0: in this one.", show_default="1", rich_help_panel=MACHINE
        ),
    ] = None,
    fleet: Annotated[
        str | None,
        typer.Option(
            help="Train trials of one shape as one: auto, on, off.", show_default="auto", rich_help_panel=MACHINE
        ),
    ] = None,
    resume: Annotated[
        str | None, typer.Option("--resume", help="Go on with a study.", rich_help_panel=SETTINGS)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no words; only the result.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object on stdout.")] = False,
) -> None:
    """Search a model's settings without a look at the test part.

    Trials are scored on purged inner folds before it; the best is written as a config for train.

    Example: gatewise tune --source sp500 --model lstm --n-trials 50 --timeout 30m --storage sqlite:///study.db
    """
    from gatewise.cli.output import print_json, set_up_logging
    from gatewise.cli.tune_progress import TuneProgress
    from gatewise.config.durations import seconds_of
    from gatewise.errors import ConfigError
    from gatewise.registry.folders import find_folder
    from gatewise.registry.tune import tune as search
    from gatewise.selection.tuning.folder import read_request

    set_up_logging(quiet)
    asked = {
        "n_trials": n_trials,
        "timeout_seconds": seconds_of("timeout", timeout) if timeout else None,
        "storage": storage,
        "study_name": study_name,
        "pruner": pruner,
        "sampler": sampler,
        "workers": workers,
        "fleet": fleet,
    }
    config: ExperimentConfig
    study_id = None
    if resume is None:
        config, search_space, request = _from_words(flags, space, asked)
    else:
        if flags.says_anything or space or study_name or pruner or sampler:
            raise ConfigError(
                "--resume takes the study's own config and space; leave other settings out",
                "--n-trials, --timeout, --storage, --workers and --fleet may be changed",
            )
        folder = find_folder(resume, "tune")
        config, search_space, request = read_request(folder)
        request, study_id = request.updated(asked), folder.name
    with TuneProgress(quiet) as progress:
        outcome = search(config, search_space, request, progress, study_id=study_id, name=study_name)
    if as_json:
        print_json(outcome.to_dict())
    else:
        _print_outcome(outcome)


def _from_words(
    flags: ConfigFlags, space: str | None, asked: Mapping[str, object]
) -> tuple[ExperimentConfig, SearchSpace, StudyRequest]:
    from gatewise.selection.tuning.folder import StudyRequest
    from gatewise.selection.tuning.space_file import load_space

    config = flags.config(typed=True)
    request = StudyRequest.of(config, flags.fields, asked)
    return config, load_space(space, config, flags.fields), request


def _print_outcome(outcome: Tuned) -> None:
    from gatewise.cli.output import (
        from_here,
        print_headline,
        print_places,
        print_sentence,
        print_table,
        setting_words,
    )
    from gatewise.evaluation.base import count
    from gatewise.evaluation.metric_names import metric_text, metric_words
    from gatewise.registry.listing import info_of

    result = outcome.result
    ranked = sorted((row for row in result.rows if row.state == "COMPLETE"), key=lambda row: (row.value, row.number))
    names = list(result.best.params)
    print()
    print_headline(result.verdict.judgement)
    print()

    def metric(value: float | None) -> str:
        return "" if value is None else metric_text(result.metric, value)

    print_table(
        f"{metric_words(result.metric)}, mean over inner folds; the prior comes to {metric(result.prior_value)}",
        ["trial", metric_words(result.metric), *names],
        [
            [
                f"{row.number}{', diverged' * bool(row.diverged)}",
                metric(row.value),
                *(setting_words(row.params[name]) for name in names),
            ]
            for row in ranked[:_MOST_LINES]
        ],
    )
    states = [row.state for row in result.rows]
    counts = ", ".join(f"{states.count(state)} {state.lower()}" for state in dict.fromkeys(sorted(states)))
    print()
    print_sentence(result.line)
    print_sentence(f"{count(len(states), 'trial')}: {counts}{'; time was up' if outcome.out_of_time else ''}")
    if result.diverged:
        print_sentence(result.diverged)
    for remark in outcome.remarks:
        print_sentence(f"note: {translate(remark)}")
    print_sentence(
        "The best of many looks better than it is; train it to have it judged on the test part, which no trial saw."
    )
    commands = [f"gatewise train --config {from_here(outcome.best_config)}"]
    if outcome.out_of_time:
        commands.append(f"gatewise tune --resume {outcome.folder.name[:8]} --timeout 30m")
    ids = {"study": f"{outcome.folder.name}  {info_of(outcome.folder).name}"}
    if str(outcome.folder) not in outcome.storage:  # else it is one of the files
        ids["storage"] = outcome.storage
    print_places(ids, (outcome.best_config, outcome.report, outcome.table), *commands)
