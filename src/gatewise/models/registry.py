"""The zoo as a table: a model joins by one entry here (its fields, where they are new, in config/model_section.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from gatewise.config.schema import MODEL_CONFIGS, ModelConfig, RecurrentConfig
from gatewise.errors import ConfigError, UnknownNameError
from gatewise.models.recurrent import RecurrentNet
from gatewise.models.symbol import WithSymbol, told_width
from gatewise.nn.recurrent_op import Cell, Readout

Build = Callable[[ModelConfig, int, int, Readout, torch.Generator | None], nn.Module]


@dataclass(frozen=True)
class ModelSpec:
    """What the street needs to know of a model.

    Attributes:
        consumes: `sequences` [batch, steps, features] or `rows` [batch, features].
        build: (config, num_features, num_outputs, readout, generator of the initial weights) -> module.
        summary, source: one line for people, and the paper.
    """

    consumes: Literal["sequences", "rows"]
    build: Build
    summary: str
    source: str


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
    "lstm": ModelSpec(
        "sequences", _recurrent("lstm"), "Long short-term memory", "Hochreiter & Schmidhuber 1997; Gers et al. 2000"
    ),
    "gru": ModelSpec("sequences", _recurrent("gru"), "Gated recurrent unit", "Cho et al. 2014"),
}
assert MODELS.keys() == MODEL_CONFIGS.keys()


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
        num_features: of the matrix; a symbol's number, which comes as one more column, is not among them.
        num_symbols: whose numbers may come; needed for `symbol_onehot` and `config.symbol_embedding`, and else unread.
        generator: of the initial weights (`gatewise.nn.initial.seeded`); `None` leaves them zero, to be loaded.

    Raises:
        UnknownNameError: no model of that name.
        ConfigError: `input_features` is given and disagrees with the features, or a model that eats rows is to learn
            vectors of symbols.
    """
    if config.name not in MODELS:
        raise UnknownNameError("model", config.name, MODELS)
    spec = MODELS[config.name]
    wanted = getattr(config, "input_features", None)
    if wanted is not None and wanted != num_features:
        raise ConfigError(
            f"model.input_features must be the number of features, {num_features}; got {wanted}",
            "leave it null to take what the features give",
        )
    width = told_width(num_symbols, symbol_onehot, config.symbol_embedding)
    if not width:
        return spec.build(config, num_features, num_outputs, readout, generator)
    if spec.consumes != "sequences":
        raise ConfigError(f"only a model of sequences can be told the symbol; {config.name} eats rows")
    assert num_symbols
    inner = spec.build(config, num_features + width, num_outputs, readout, generator)
    return WithSymbol(inner, num_symbols, symbol_onehot, config.symbol_embedding, generator)
