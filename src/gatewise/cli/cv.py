"""`gatewise cv`: every model on every fold with every seed, honestly compared."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatewise.cli.flags import RUN_NAME, SEEDS, ConfigFlags, config_flags, listed, refuse_name, seeds_from, translate
from gatewise.config.flags import (
    CV_FLAGS,
    DATA_FLAGS,
    MACHINE,
    MODEL,
    MODEL_FLAGS,
    SEARCH,
    SETTINGS,
    TARGET,
    TRAIN_FLAGS,
    TRAINING,
)

if TYPE_CHECKING:
    from gatewise.jobs.places import Compute
    from gatewise.selection.cv.outcome import CvOutcome
    from gatewise.selection.cv.plan import Plan

# In the plural here.
_ONE_OF = ("--model", "--horizon")
FLAGS = tuple(flag for flag in (*DATA_FLAGS, *CV_FLAGS, *MODEL_FLAGS, *TRAIN_FLAGS) if flag.name not in _ONE_OF)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("cv")(cv)


@config_flags(*FLAGS)
def cv(
    flags: ConfigFlags,
    models: Annotated[
        str | None,
        typer.Option(
            "--models",
            "--model",
            "--model-type",
            help="Models to compare, like lstm,gru.",
            show_default="lstm",
            rich_help_panel=MODEL,
        ),
    ] = None,
    horizons: Annotated[
        str | None,
        typer.Option(
            "--horizons",
            "--horizon",
            help="Rows ahead that the target looks, like 5,20.",
            show_default="20",
            rich_help_panel=TARGET,
        ),
    ] = None,
    seeds: Annotated[str | None, SEEDS] = None,
    max_time: Annotated[
        str | None,
        typer.Option(
            help="Of each training, like 10m; it stops between epochs.", show_default="none", rich_help_panel=TRAINING
        ),
    ] = None,
    per_symbol: Annotated[
        bool, typer.Option("--per-symbol", help="One model for each symbol.", rich_help_panel=TRAINING)
    ] = False,
    tune: Annotated[bool, typer.Option("--tune", help="Tune within each fold.", rich_help_panel=SEARCH)] = False,
    n_trials: Annotated[
        int | None,
        typer.Option(min=1, help="With --tune: trials of each search.", show_default="50", rich_help_panel=SEARCH),
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(
            help="With --tune: a search space that ships, or a file.",
            show_default="the model's",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    compute: Annotated[
        str, typer.Option(help="local, ray, or a cluster's address like ray://head:10001.", rich_help_panel=MACHINE)
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Processes; 1 trains in this one.", show_default="one a core", rich_help_panel=MACHINE
        ),
    ] = None,
    fleet: Annotated[
        str, typer.Option(help="Train models of one shape as one: auto, on, off.", rich_help_panel=MACHINE)
    ] = "auto",
    resume: Annotated[
        str | None, typer.Option("--resume", help="Go on with a cross-validation.", rich_help_panel=SETTINGS)
    ] = None,
    run_name: Annotated[str | None, RUN_NAME] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no words; only the result.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object on stdout.")] = False,
) -> None:
    """Compare models by purged cross-validation, on the same rows.

    Out-of-fold predictions, intervals, and how much of a winner is luck.

    Exit code 2 also where some folds failed; the others' results are in the report all the same.

    Example: gatewise cv --source sp500 --models lstm,gru --horizons 5,20 --n-splits 5 --seq-len 60 --seeds 3
    """
    from gatewise.cli.cv_progress import CvProgress
    from gatewise.cli.output import print_json, set_up_logging
    from gatewise.errors import ConfigError
    from gatewise.jobs.jobs import error_to_dict
    from gatewise.registry.cv import cross_validate
    from gatewise.registry.folders import find_folder
    from gatewise.registry.looks import looks_key
    from gatewise.selection.cv.cv import resume_cv, start_cv

    set_up_logging(quiet)
    settings = flags.says_anything, models, horizons, seeds, max_time, per_symbol, tune
    if not tune and (n_trials or space):
        raise ConfigError("--n-trials and --space say how --tune searches; it was not given", "--tune --n-trials 50")
    refuse_name(run_name, resume)
    trials = (n_trials or 50) if tune else 0
    plan = None
    if any(settings) or not resume:
        plan = _plan(flags, models, horizons, seeds, per_symbol, trials, space, max_time)
    if resume is not None:
        folder = find_folder(resume, "cv")
        plan = resume_cv(folder, plan)
    assert plan is not None
    place, fleet_choice = make_compute(compute, workers, plan, fleet)
    if resume is None:
        folder = start_cv(plan)
    log = logging.getLogger("gatewise.cv")
    log.info("cross-validation %s: %s", folder.name, place.description)
    log.info("fleet: %s (%s)", "on" if fleet_choice["used"] else "off", fleet_choice["why"])
    if any(config.training.tensorboard for config in plan.models.values()):
        log.info("training.tensorboard is gatewise train's: a cross-validation writes no event files")
    with CvProgress(quiet) as progress:
        outcome = cross_validate(plan, folder, place, progress, fleet_choice, name=run_name)
    from gatewise.selection.cv.outcome import failure_words  # with all that judges, which only now is loaded

    error = failure_words(outcome.failures, outcome.num_jobs) if outcome.failures else None
    if as_json:
        tuned = {"tuned": json.loads((folder / "tuned.json").read_bytes())} if plan.tuning else {}
        print_json(outcome.to_dict() | looks_key(folder) | tuned | ({"error": error_to_dict(error)} if error else {}))
        if error:
            raise typer.Exit(2)
    else:
        _print_outcome(outcome)
        if error:
            raise error


def make_compute(name: str, workers: int | None, plan: Plan, fleet: str) -> tuple[Compute, dict[str, Any]]:
    """The place that --compute, --workers and --fleet name, and whether models are trained as a fleet, with why."""
    import os

    from gatewise.config.alike import require_fleet_choice
    from gatewise.errors import ConfigError
    from gatewise.host import choose_threads
    from gatewise.jobs.fleet_place import FleetCompute, decide_fleet
    from gatewise.jobs.places import InProcess, LocalCompute
    from gatewise.selection.cv.plan import CV

    require_fleet_choice(fleet)
    if plan.command != CV and name == "local" and workers is None:
        return InProcess(), {"used": False, "why": "trainings whose times are compared run one after the other"}
    count = min(workers or choose_threads()[0], plan.most_jobs * (10**6 if plan.per_symbol else 1))
    if name == "local":
        models = [config.model for config in plan.models.values()]
        timed, online = plan.max_seconds is not None, plan.base.online.every is not None
        used, why = decide_fleet(plan.base.training, plan.most_jobs, fleet, models, timed, online)
        if used:
            return FleetCompute(fleet), {"used": True, "why": why}
        return (LocalCompute(count) if count > 1 else InProcess()), {"used": False, "why": why}
    if name != "ray" and not name.startswith("ray://"):
        raise ConfigError(f"--compute is local, ray or an address like ray://head:10001; got {name!r}")
    if fleet == "on":
        raise ConfigError("a fleet trains in one process; Ray gives each training its own", "--compute local")
    from gatewise.jobs.ray_place import LOCAL, RayCompute

    address = name if name != "ray" else os.environ.get("RAY_ADDRESS", LOCAL)
    return RayCompute(address, count), {"used": False, "why": "Ray gives each training a process of its own"}


def _plan(
    flags: ConfigFlags,
    models: str | None,
    horizons: str | None,
    seeds: str | None,
    per_symbol: bool,
    trials: int,
    space: str | None,
    max_time: str | None,
) -> Plan:
    from gatewise.config.seeds import names_seeds
    from gatewise.selection.cv.plan import Plan, Tuning
    from gatewise.selection.tuning.space_file import load_space
    from gatewise.training.budget import Budget

    def config(compared: Sequence[str] = (), **more: Any) -> Any:
        return flags.config(more, compared=compared, typed=True)

    if models is not None:
        names = listed("--models", models)
        configs = {name: config(names, **{"model.name": name}) for name in names}
    else:
        alone = config()
        configs = {alone.model.name: alone}
    first = next(iter(configs.values()))
    ahead = _whole("--horizons", horizons) if horizons is not None else (first.target.horizon,)
    tuning = None
    if trials:
        spaces = {name: load_space(space, config, flags.fields).to_dict() for name, config in configs.items()}
        tuning = Tuning(trials, spaces)
    chosen = seeds_from(seeds or "1", first, "training.seed" in flags.fields)
    named = chosen if seeds and names_seeds(seeds) else ()
    budget = Budget.of(max_time)
    return Plan(configs, ahead, len(chosen), per_symbol or first.training.per_symbol, tuning, named, budget.max_seconds)


def _whole(flag: str, text: str) -> tuple[int, ...]:
    from gatewise.errors import ConfigError

    try:
        return tuple(int(word) for word in listed(flag, text))
    except ValueError as error:
        raise ConfigError(f"{flag} takes whole numbers with commas between; got {text!r}") from error


def _print_outcome(outcome: CvOutcome) -> None:
    from gatewise.cli.output import print_headline, print_looks, print_places, print_sentence, print_table
    from gatewise.data.origin import stamp_words
    from gatewise.evaluation.side_by_side import over_folds
    from gatewise.registry.listing import info_of
    from gatewise.registry.looks import known_looks
    from gatewise.selection.cv.verdict import measures

    print()
    print_headline(outcome.verdict.judgement)
    print()
    summaries = ((each.name, each.folds, each.metrics) for each in outcome.summaries)
    head, lines = over_folds(summaries, outcome.plan.base.evaluation.confidence)
    print_table("", ["model@horizon", *head], lines)
    print()
    for line in outcome.verdict.lines:
        print_sentence(translate(line), "- ")
    for name, value, meaning in measures(outcome.overfitting):
        print_sentence(f"{name} {value}: {meaning}.", "- ")
    print_looks(known_looks(outcome.folder), "- ")
    print_sentence(f"predictions out of fold hold {stamp_words(outcome.stamps)}", "- ")
    files = (outcome.report, outcome.folder / "folds.parquet", outcome.out_of_fold)
    print_places({"cv": f"{outcome.folder.name}  {info_of(outcome.folder).name}"}, files)
