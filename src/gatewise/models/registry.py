"""The zoo as a table: a model joins by one entry here (its fields, where they are new, in config/model_section.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from gatewise.config.schema import MODEL_CONFIGS, ModelConfig, RecurrentConfig
from gatewise.errors import ConfigError, entry
from gatewise.models.recurrent import RecurrentNet
from gatewise.models.symbol import WithSymbol, told_width
from gatewise.nn.allowed import require_allowed
from gatewise.nn.recurrent_op import Cell, Readout
from gatewise.tabular.base import State, TabularModel, TrainingRows
from gatewise.tabular.linear_models import Logistic, Ridge
from gatewise.tabular.xgboost import Xgboost

Build = Callable[[ModelConfig, int, int, Readout, torch.Generator | None], nn.Module]


@dataclass(frozen=True)
class ModelSpec:
    """What the street needs to know of a model.

    Attributes:
        summary, source: one line for people, and the paper.
        consumes: `sequences` [batch, steps, features] or `rows` [batch, features].
    """

    summary: str
    source: str
    consumes: ClassVar[Literal["sequences", "rows"]]


@dataclass(frozen=True)
class NeuralSpec(ModelSpec):
    """A network.

    Attributes:
        build: (config, num_features, num_outputs, readout, generator of the initial weights) -> module.
    """

    build: Build
    consumes: ClassVar = "sequences"


@dataclass(frozen=True)
class TabularSpec(ModelSpec):
    """A model of one row.

    Attributes:
        fit: learns. from_state: makes what gave the state.
    """

    fit: Callable[[TrainingRows, Any], TabularModel]
    from_state: Callable[[State], TabularModel]
    consumes: ClassVar = "rows"


def _recurrent(cell: Cell) -> Build:
    def build(
        config: ModelConfig,
        num_features: int,
        num_outputs: int,
        readout: Readout,
        generator: torch.Generator | None,
    ) -> nn.Module:
        assert isinstance(config, RecurrentConfig)
        fields = config.model_dump(exclude={"name", "input_features", "symbol_embedding"})
        return RecurrentNet(cell, num_features, num_outputs, readout=readout, generator=generator, **fields)

    return build


MODELS: dict[str, ModelSpec] = {
    "lstm": NeuralSpec("Long short-term memory", "Hochreiter & Schmidhuber 1997; Gers et al. 2000", _recurrent("lstm")),
    "gru": NeuralSpec("Gated recurrent unit", "Cho et al. 2014", _recurrent("gru")),
    "logistic": TabularSpec("Logistic regression on one row", "Cox 1958", Logistic.fit, Logistic.from_state),
    "ridge": TabularSpec("Ridge regression on one row", "Hoerl & Kennard 1970", Ridge.fit, Ridge.from_state),
    "xgboost": TabularSpec("Boosted trees on one row", "Chen & Guestrin 2016", Xgboost.fit, Xgboost.from_state),
}
assert MODELS.keys() == MODEL_CONFIGS.keys()

NETWORKS = tuple(name for name, spec in MODELS.items() if isinstance(spec, NeuralSpec))


def find_spec(name: str) -> ModelSpec:
    """A model's entry.

    Raises:
        UnknownNameError: no model of that name.
    """
    return entry("model", name, MODELS)


def build_model(
    config: ModelConfig,
    num_features: int,
    num_outputs: int,
    readout: Readout = "last",
    num_symbols: int = 0,
    symbol_onehot: bool = False,
    generator: torch.Generator | None = None,
) -> nn.Module:
    """The module that a config describes, on the CPU.

    Args:
        num_features: of the matrix.
        num_symbols: whose numbers may come; needed for `symbol_onehot` and `config.symbol_embedding`, and else unread.
        generator: of the initial weights (`gatewise.nn.initial.seeded`); `None` leaves them zero, to be loaded.

    Raises:
        UnknownNameError: no model of that name.
        ConfigError: `input_features` is given and disagrees with the features, the model is no network, or it holds a
            layer that `nn.allowed` refuses.
    """
    spec = find_spec(config.name)
    if not isinstance(spec, NeuralSpec):
        raise ConfigError(f"{config.name} is a model of one row and no network", "gatewise.train takes any model")
    wanted = getattr(config, "input_features", None)
    if wanted is not None and wanted != num_features:
        raise ConfigError(
            f"model.input_features must be the number of features, {num_features}; got {wanted}",
            "leave it null to take what the features give",
        )
    embedding = config.learned_width
    width = told_width(num_symbols, symbol_onehot, embedding)
    inner = spec.build(config, num_features + width, num_outputs, readout, generator)
    require_allowed(inner, config.name)
    if not width:
        return inner
    assert num_symbols
    return WithSymbol(inner, num_symbols, symbol_onehot, embedding, generator)
