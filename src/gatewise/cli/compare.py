"""`gatewise compare`: models side by side, each in the same time, on the same rows."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatewise.cli.flags import RUN_NAME, SEEDS, ConfigFlags, config_flags, listed, refuse_name, seeds_from, translate
from gatewise.config.flags import CV_FLAGS, DATA_FLAGS, MODEL, MODEL_FLAGS, OUTPUT, SETTINGS, TRAIN_FLAGS, TRAINING

if TYPE_CHECKING:
    from gatewise.config.schema import ExperimentConfig
    from gatewise.jobs.shared import SharedData
    from gatewise.selection.cv.outcome import CvOutcome
    from gatewise.selection.cv.plan import Plan

FLAGS = tuple(flag for flag in (*DATA_FLAGS, *CV_FLAGS, *MODEL_FLAGS, *TRAIN_FLAGS) if flag.name != "--model")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("compare")(compare)


@config_flags(*FLAGS)
def compare(
    flags: ConfigFlags,
    models: Annotated[
        str | None,
        typer.Option(
            help="Models to compare, like lstm,gru,xgboost.",
            show_default="networks, xgboost, voting",
            rich_help_panel=MODEL,
        ),
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option(help="Of each model, over all its folds.", show_default="10m", rich_help_panel=TRAINING),
    ] = None,
    seeds: Annotated[str | None, SEEDS] = None,
    resume: Annotated[
        str | None, typer.Option("--resume", help="Go on with a comparison.", rich_help_panel=SETTINGS)
    ] = None,
    run_name: Annotated[str | None, RUN_NAME] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The table in Markdown on stdout.", rich_help_panel=OUTPUT)
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no words; only the result.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object on stdout.")] = False,
) -> None:
    """Compare models side by side, each in the same time, on the same rows.

    A purged cross-validation in which each model trains for --max-time in all, one training after the other, beside a
    linear model and what knows nothing.

    Exit code 2 also where some folds failed; the others' results are in the report all the same.

    Example: gatewise compare --source sp500 --models lstm,gru,xgboost --max-time 2m

    Example: gatewise compare --data BTCUSDT-1m.parquet --stamp open --horizon 20 --max-time 10m --markdown
    """
    from gatewise.cli.cv import make_compute
    from gatewise.cli.cv_progress import CvProgress
    from gatewise.cli.output import print_json, set_up_logging
    from gatewise.errors import ConfigError
    from gatewise.jobs.jobs import error_to_dict
    from gatewise.registry.cv import cross_validate
    from gatewise.registry.folders import find_folder
    from gatewise.registry.looks import looks_key
    from gatewise.selection.cv.cv import resume_cv, start_cv

    set_up_logging(quiet)
    refuse_name(run_name, resume)
    settings = flags.says_anything, models, max_time, seeds
    if resume is not None and any(settings):
        raise ConfigError(
            "--resume takes the comparison's own settings; leave others out", "start a new one to change them"
        )
    if markdown and as_json:
        raise ConfigError("--markdown and --json each print the result; got both", "leave out one of the two")
    if resume is None:
        plan, shared = _plan(flags, models, max_time, seeds)
        folder = start_cv(plan)
    else:
        folder, shared = find_folder(resume, "cv"), None
        plan = resume_cv(folder)
    place, fleet = make_compute("local", None, plan, "auto")
    logging.getLogger("gatewise.cv").info("comparison %s: %s", folder.name, place.description)
    with CvProgress(quiet) as progress:
        outcome = cross_validate(plan, folder, place, progress, fleet, name=run_name, shared=shared)
    from gatewise.selection.cv.outcome import failure_words  # with all that judges, which only now is loaded

    error = failure_words(outcome.failures, outcome.num_jobs) if outcome.failures else None
    if as_json:
        print_json(outcome.to_dict() | looks_key(folder) | ({"error": error_to_dict(error)} if error else {}))
        if error:
            raise typer.Exit(2)
        return
    if markdown:
        print((folder / "compare.md").read_text(encoding="utf-8"), end="")
    else:
        _print_outcome(outcome)
    if error:
        raise error


def _plan(flags: ConfigFlags, models: str | None, max_time: str | None, seeds: str | None) -> tuple[Plan, SharedData]:
    from gatewise.data.load import load_table
    from gatewise.selection.compare.pace import paced
    from gatewise.selection.compare.plan import MAX_TIME, first_config, plan_comparison

    def config(compared: Sequence[str], more: Mapping[str, Any]) -> ExperimentConfig:
        return flags.config(more, compared=compared, typed=True)

    names = listed("--models", models) if models is not None else ()
    chosen: Sequence[int] = ()
    if seeds is not None:
        chosen = seeds_from(seeds, first_config(config, names), "training.seed" in flags.fields)
    plan = plan_comparison(config, names, max_time or MAX_TIME, chosen, flags.fields)
    return paced(plan, load_table(plan.base.data))


def _print_outcome(outcome: CvOutcome) -> None:
    from gatewise.cli.output import print_headline, print_looks, print_places, print_sentence, print_table
    from gatewise.registry.listing import info_of
    from gatewise.registry.looks import known_looks
    from gatewise.selection.cv.side_by_side import legend, side_by_side
    from gatewise.selection.cv.verdict import measures

    print()
    print_headline(outcome.verdict.judgement)
    print()
    print_table("", *side_by_side(outcome))
    print()
    for line in (*legend(outcome), *outcome.verdict.lines):
        print_sentence(translate(line), "- ")
    for name, value, meaning in measures(outcome.overfitting):
        if name == "Snooping":
            print_sentence(f"{name} {value}: {meaning}.", "- ")
    print_looks(known_looks(outcome.folder), "- ")
    files = (outcome.report, outcome.folder / "compare.md", outcome.folder / "folds.parquet", outcome.out_of_fold)
    print_places({"compare": f"{outcome.folder.name}  {info_of(outcome.folder).name}"}, files)
