"""The flat names of settings that models on arrays take, and the config that they resolve to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gatewise.config.fields import value_at
from gatewise.config.load import load_config
from gatewise.config.names import FORMER, SHORT
from gatewise.config.schema import ExperimentConfig, ModelConfig, TrainingConfig, model_config
from gatewise.config.training_section import READ_BY_ALL
from gatewise.errors import ConfigError, GatewiseError, UnknownNameError

_SETTING = re.compile(r"\b(?:features|model|training|windows)(?:\.[a-z]\w*)+")
# Fields that mean nothing without a run's folder, or without a table's symbols.
_OF_RUNS = ("name", "checkpoint_every_epochs", "per_symbol", "symbol_embedding")
LENGTH = "windows.sequence_length"
BESIDE = ("task", "val_fraction", "horizon", "verbose")  # what `SequenceModel` takes that is no field of a config


def resolve(model: str, sequence_length: int | None, fields: Mapping[str, Any]) -> ExperimentConfig:
    """The config of a model's preset with these fields.

    Raises:
        UnknownNameError: an unknown model or field; the nearest is listed.
        ConfigError: a value out of range.
    """
    known = _fields_of(model_config(model))
    require_known(model, fields)
    settings = {known[field]: _as_text(value) for field, value in fields.items()}
    with named_as_fields(model):
        return load_config(overrides={"model.name": model, "target.kind": "given", LENGTH: sequence_length, **settings})


def require_known(model: object, fields: Mapping[str, Any]) -> None:
    """Refuses fields that the model does not have. Of a model that there is not, nothing is known.

    Raises:
        UnknownNameError: such a field; the nearest is listed.
    """
    try:
        known = _fields_of(model_config(model)) if isinstance(model, str) else fields
    except ConfigError:
        return
    for field in fields:
        if field not in known:
            raise UnknownNameError("field", field, [*known, *BESIDE])


def changed_fields(config: ExperimentConfig) -> dict[str, Any]:
    """The fields in which a config differs from its model's preset: what `resolve` makes it of."""
    model = config.model.name
    values, usual = config.to_dict(), resolve(model, None, {}).to_dict()
    return {
        name: value_at(values, dotted)
        for dotted, name in _names_of(model).items()
        if dotted != LENGTH and value_at(values, dotted) != value_at(usual, dotted)
    }


@contextmanager
def named_as_fields(model: str) -> Iterator[None]:
    """Names settings in the hints of errors as `SequenceModel` takes them."""
    taken = _names_of(model)
    try:
        yield
    except GatewiseError as error:
        if error.hint:
            error.hint = _SETTING.sub(lambda match: taken.get(match[0], match[0]), error.hint)
        raise


def _fields_of(model: type[ModelConfig]) -> dict[str, str]:
    """{name that `SequenceModel` takes: dotted field}."""
    known = {key: dotted for key, dotted in SHORT.items() if not dotted.startswith(("model.", "split."))}
    known |= {former.removeprefix("training."): dotted for former, dotted in FORMER.items()}
    known |= {key: f"training.{key}" for key in TrainingConfig.model_fields if key not in _OF_RUNS}
    known |= {key: f"model.{key}" for key in model.model_fields if key not in _OF_RUNS}
    if model.consumes == "rows":
        known = {key: at for key, at in known.items() if not at.startswith("training.") or key in READ_BY_ALL}
    return known | {"scaler": "features.scaler", "sequence_length": LENGTH}


def _names_of(model: str) -> dict[str, str]:
    """{dotted field: its name}, of several names the first."""
    return {dotted: name for name, dotted in reversed(_fields_of(model_config(model)).items())}


def _as_text(value: Any) -> Any:
    """In a config, classes are text: {label: weight} by the labels' names."""
    return {str(label): weight for label, weight in value.items()} if isinstance(value, Mapping) else value
