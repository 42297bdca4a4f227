"""What the volatility study compares: the HAR family and its like, models of one row, networks, on one newest part.

A preset over a comparison, and so over a cross-validation: it runs, is kept and goes on as one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from gatewise.config.model_section import TabularConfig
from gatewise.config.schema import MODEL_CONFIGS, ExperimentConfig
from gatewise.config.target_section import RealizedVolatilityConfig
from gatewise.data.load import load_table
from gatewise.data.table import Table
from gatewise.errors import ConfigError
from gatewise.jobs.shared import SharedData
from gatewise.selection.compare.pace import paced
from gatewise.selection.compare.plan import plan_comparison
from gatewise.selection.cv.cv import resume_cv
from gatewise.selection.cv.plan import STUDY, Plan
from gatewise.selection.study.settings import BEFORE_ROWS, KIND, quarter, study_settings, without_updates

MAX_TIME = "30m"
BESIDE = ("har_log", "ridge")  # every line is held against these; the first is to be beaten
TRAINED = 0.7  # of the time, where models are updated; the rest is for updates
_FAMILY = ("har", "har_log", "harq", "garch", "gjr")
_LEARNERS = ("ridge", "xgboost", "lstm", "gru", "tcn", "voting")

# (all names compared, settings by dotted names above all that is said, and below it) -> the config of one of them
ConfigOf = Callable[[Sequence[str], Mapping[str, Any], Mapping[str, Any]], ExperimentConfig]


def plan_study(
    config_of: ConfigOf,
    models: Sequence[str] = (),
    max_time: object = MAX_TIME,
    seeds: Sequence[int] = (),
    chosen: Collection[str] = (),
    load: Callable[[ExperimentConfig], Table] = lambda config: load_table(config.data),
) -> tuple[Plan, Table]:
    """The plan before its networks' epochs are fitted to their time, see `paced`; and the rows.

    Args:
        models: names, beside which har_log and ridge always stand; none: the HAR family, GARCH, ridge, xgboost, lstm,
            gru, tcn and the voting of these three.
        max_time: of all trainings of networks and ensembles together: a text like 30m, or a timedelta.
        seeds: of each model; none: the config's own.
        chosen: dotted names of settings that were said.
        load: gives the rows that a config names.

    Raises:
        ConfigError: another target; no length of time; models or settings that can't be compared.
        GatewiseError: rows that can't be used.
    """
    first = first_config(config_of, models)
    table = load(first)
    settings = study_settings(table, first)
    if getattr(first.cv, "test_size", None) == BEFORE_ROWS["cv.test_size"]:  # nobody said another
        settings["cv.test_size"] = quarter(table, config_of(models, {}, settings))
    asked = config_of(models, {}, settings)
    stretch, tested = asked.online.stretch, getattr(asked.cv, "test_size", None)
    if isinstance(stretch, timedelta) and tested is not None and tested * table.timeframe < 2 * stretch:
        settings = without_updates(settings)  # nothing would settle on the way
    names = [*models] or [name for name in (*_FAMILY, *_LEARNERS) if _has_what_it_reads(name, first, table)]
    names += [name for name in BESIDE if name not in names and name in MODEL_CONFIGS]

    def config(compared: Sequence[str], more: Mapping[str, Any]) -> ExperimentConfig:
        return config_of(compared, more, settings)

    plan = plan_comparison(config, names, max_time, seeds, chosen)
    timed = sum(not isinstance(one.model, TabularConfig) for one in plan.models.values())
    beside = tuple(name for name in BESIDE if name in plan.models)
    return replace(plan, command=STUDY, beside=beside, max_seconds=(plan.max_seconds or 0) / max(1, timed)), table


def paced_study(plan: Plan, table: Table) -> tuple[Plan, SharedData]:
    """`paced`, with some of the time left for updates."""
    share = TRAINED if plan.base.online.every is not None else 1.0
    fitted, shared = paced(replace(plan, max_seconds=share * (plan.max_seconds or 0)), table)
    return replace(fitted, max_seconds=plan.max_seconds), shared


def first_config(config_of: ConfigOf, models: Sequence[str] = ()) -> ExperimentConfig:
    """What is said, before any row is read.

    Raises:
        ConfigError: another target than the study's; see `load_config`.
    """
    target = config_of(models, {"features.sets": ["market39"], "features.history": False}, BEFORE_ROWS).target
    ours = isinstance(target, RealizedVolatilityConfig)
    if not ours or target.quantiles:
        what = f"{target.kind} with quantiles" if ours else target.kind
        raise ConfigError(
            f"study volatility predicts {KIND}; target.kind is {what}",
            "leave the target out; target.measure and target.horizon say which volatility",
        )
    return config_of(models, {}, BEFORE_ROWS)


def _has_what_it_reads(name: str, first: ExperimentConfig, table: Table) -> bool:
    """Whether a model is there, and the rows hold what it reads."""
    there = {
        "quarticity": getattr(first.target, "quarticity", None) is not None,
        "returns": "close" in table.columns and len(table.symbols) == 1,
    }
    return name in MODEL_CONFIGS and there.get(MODEL_CONFIGS[name].reads, True)


def resume_study(folder: Path) -> Plan:
    """The plan of a study that goes on.

    Raises:
        ConfigError: the folder is another command's.
        ReadError: see `resume_cv`.
    """
    plan = resume_cv(folder)
    if plan.command != STUDY:
        command, _ = plan.resumed_by
        raise ConfigError(f"{folder.name} is no study", f"{command} {folder.name}")
    return plan
