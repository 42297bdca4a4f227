"""What a comparison compares: models at their presets beside one plain reference, on the same rows, in the same time.

It is a cross-validation with a time for each training, and runs, is kept and goes on as one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gatewise.config.ensemble_section import EnsembleConfig
from gatewise.config.model_section import NetworkConfig
from gatewise.config.schema import MODEL_CONFIGS, ExperimentConfig, model_config
from gatewise.errors import ConfigError
from gatewise.selection.cv.plan import COMPARE, Plan
from gatewise.training.budget import Budget

MAX_TIME = "10m"
# Of each kind of prediction the plainest model that reads features.
REFERENCES = {"classes": "logistic", "values": "ridge", "volatility": "har_log"}

_BASE = "model.base_models"

# (all names compared, further settings by dotted names) -> the config of one of them
ConfigOf = Callable[[Sequence[str], Mapping[str, Any]], ExperimentConfig]


def plan_comparison(
    config_of: ConfigOf,
    models: Sequence[str] = (),
    max_time: object = MAX_TIME,
    seeds: Sequence[int] = (),
    chosen: Collection[str] = (),
) -> Plan:
    """The plan before its models' epochs are fitted to their time, see `paced`.

    Args:
        models: names; none: every network that predicts this target, xgboost and voting. An ensemble whose base models
            nobody chose has the networks among them, as they are configured here.
        max_time: of each model, over all of its trainings: a text like 10m, or a timedelta.
        seeds: of each model on each fold; none: the config's own.
        chosen: dotted names of settings that were said.

    Raises:
        ConfigError: no length of time, models or settings that can't be compared; see `load_config` and `Plan`.
    """
    budget = Budget.of(max_time)
    first = first_config(config_of, models)
    kind = first.target.output_kind
    names = [*models] or [name for name in MODEL_CONFIGS if _by_itself(name, kind)]
    reference = REFERENCES.get(kind or "")
    if reference and reference not in names:
        names.append(reference)
    if first.training.per_symbol:
        raise ConfigError("a comparison trains one model for all symbols", "training.per_symbol=false")
    configs = {name: config_of(names, {"model.name": name}) for name in names}
    configs |= {
        name: config_of(names, {"model.name": name, **_members(configs)})
        for name, config in configs.items()
        if isinstance(config.model, EnsembleConfig) and _BASE not in chosen and _left_open(config.model)
    }
    plan = Plan(configs, (first.target.horizon,), len(seeds) or 1, named_seeds=tuple(seeds), command=COMPARE)
    trainings = plan.most_jobs // len(configs)
    return replace(plan, max_seconds=(budget.max_seconds or 0) / trainings)


def first_config(config_of: ConfigOf, models: Sequence[str]) -> ExperimentConfig:
    """What is said of all but the models, whichever of them it was said with."""
    name = models[0] if models else "lstm"
    return config_of(models or tuple(MODEL_CONFIGS), {"model.name": name})


def _by_itself(name: str, kind: str | None) -> bool:
    """Whether a model is compared unasked."""
    config = model_config(name)
    return kind in config.targets and (issubclass(config, NetworkConfig) or name in ("xgboost", "voting"))


def _left_open(model: EnsembleConfig) -> bool:
    default: tuple[str, ...] = type(model).model_fields["base_models"].default
    return model.base_models == default


def _members(configs: Mapping[str, ExperimentConfig]) -> dict[str, Any]:
    """The networks among some models, for an ensemble; nothing where they are too few for one."""
    networks = tuple(name for name, config in configs.items() if isinstance(config.model, NetworkConfig))
    return {_BASE: networks} if len(networks) > 1 else {}
