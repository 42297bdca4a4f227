"""`gatewise study`: a whole table of forecasts in one command."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatewise.cli.compare import FLAGS
from gatewise.cli.flags import RUN_NAME, SEEDS, ConfigFlags, config_flags, listed, refuse_name, seeds_from, translate
from gatewise.config.flags import MODEL, OUTPUT, SETTINGS, TRAINING

if TYPE_CHECKING:
    from gatewise.config.schema import ExperimentConfig
    from gatewise.jobs.shared import SharedData
    from gatewise.selection.cv.plan import Plan
    from gatewise.selection.study.outcome import Study


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(help="A whole table of forecasts in one command.", no_args_is_help=True)
    group.command("volatility")(volatility)
    app.add_typer(group, name="study")


@config_flags(*FLAGS)
def volatility(
    flags: ConfigFlags,
    models: Annotated[
        str | None,
        typer.Option(
            help="Models beside har_log and ridge, like lstm,gru.",
            show_default="the HAR family, GARCH, ridge, xgboost, lstm, gru, tcn, voting",
            rich_help_panel=MODEL,
        ),
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option(help="Of all networks' trainings together.", show_default="30m", rich_help_panel=TRAINING),
    ] = None,
    seeds: Annotated[str | None, SEEDS] = None,
    resume: Annotated[
        str | None, typer.Option("--resume", help="Go on with a study.", rich_help_panel=SETTINGS)
    ] = None,
    run_name: Annotated[str | None, RUN_NAME] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The table in Markdown on stdout.", rich_help_panel=OUTPUT)
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no words; only the result.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object on stdout.")] = False,
) -> None:
    """Forecast volatility by every model, on one held-out newest part, beside the HAR family.

    Which is best, and is it shown to be better than log-HAR: one page, one table (Markdown, CSV).

    What is not said fits the rows: of daily bars the next day's range, within the day the next 20 rows' returns, by
    small networks, on one fold, frozen and updated. Of these the defaults below are other commands'.

    Exit code 2 also where some trainings failed; the others' results are on the page all the same.

    Example: gatewise study volatility --data BTCUSDT-1m.parquet --stamp open --max-time 1h

    Example: gatewise study volatility --source sp500 --quick --max-time 2m
    """
    from gatewise.cli.cv import make_compute
    from gatewise.cli.cv_progress import CvProgress
    from gatewise.cli.output import print_json, set_up_logging
    from gatewise.errors import ConfigError
    from gatewise.jobs.jobs import error_to_dict
    from gatewise.registry.cv import cross_validate
    from gatewise.registry.folders import find_folder
    from gatewise.registry.looks import looks_key
    from gatewise.selection.cv.cv import start_cv
    from gatewise.selection.study.plan import resume_study

    set_up_logging(quiet)
    refuse_name(run_name, resume)
    if resume is not None and any((flags.says_anything, models, max_time, seeds)):
        raise ConfigError("--resume takes the study's own settings; leave others out", "start a new one to change them")
    if markdown and as_json:
        raise ConfigError("--markdown and --json each print the result; got both", "leave out one of the two")
    if resume is None:
        plan, shared = _plan(flags, models, max_time, seeds)
        folder = start_cv(plan)
    else:
        folder, shared = find_folder(resume, "cv"), None
        plan = resume_study(folder)
    place, fleet = make_compute("local", None, plan, "auto")
    logging.getLogger("gatewise.cv").info("study %s: %s", folder.name, place.description)
    with CvProgress(quiet) as progress:
        outcome = cross_validate(plan, folder, place, progress, fleet, name=run_name, shared=shared)
    from gatewise.selection.cv.outcome import failure_words  # with all that judges, which only now is loaded
    from gatewise.selection.study.outcome import write_study

    study = write_study(outcome)
    error = failure_words(outcome.failures, outcome.num_jobs) if outcome.failures else None
    if as_json:
        print_json(study.to_dict() | looks_key(folder) | ({"error": error_to_dict(error)} if error else {}))
        if error:
            raise typer.Exit(2)
        return
    if markdown:
        print((folder / "table.md").read_text(encoding="utf-8"), end="")
    else:
        _print_study(study)
    if error:
        raise error


def _plan(flags: ConfigFlags, models: str | None, max_time: str | None, seeds: str | None) -> tuple[Plan, SharedData]:
    from gatewise.selection.study.plan import MAX_TIME, first_config, paced_study, plan_study

    def config(compared: Sequence[str], more: Mapping[str, Any], below: Mapping[str, Any]) -> ExperimentConfig:
        return flags.config(more, compared=compared, typed=True, below=below)

    names = listed("--models", models) if models is not None else ()
    chosen: Sequence[int] = ()
    if seeds is not None:
        chosen = seeds_from(seeds, first_config(config, names), "training.seed" in flags.fields)
    plan, table = plan_study(config, names, max_time or MAX_TIME, chosen, flags.fields)
    return paced_study(plan, table)


def _print_study(study: Study) -> None:
    from gatewise.cli.output import print_headline, print_looks, print_places, print_sentence, print_table
    from gatewise.registry.listing import info_of
    from gatewise.registry.looks import known_looks
    from gatewise.selection.study.table import FEW, held_against, study_cells, study_legend

    outcome = study.outcome
    print()
    print_headline(outcome.verdict.judgement)
    print()
    print_table("", *study_cells(study.lines, held_against(outcome), FEW))
    print()
    for line in (*outcome.verdict.lines, *study_legend(outcome)):
        print_sentence(translate(line), "- ")
    print_looks(known_looks(outcome.folder), "- ")
    print_places({"study": f"{outcome.folder.name}  {info_of(outcome.folder).name}"}, study.files)
