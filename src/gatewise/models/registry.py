"""The zoo as a table: a model joins by one entry here (its fields, where they are new, in config/model_section.py)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from gatewise.config.attention_models import AttentiveLstmConfig, TransformerConfig
from gatewise.config.ensemble_section import ENSEMBLES
from gatewise.config.model_section import (
    MODEL_CONFIGS,
    LogisticConfig,
    MinLstmConfig,
    ModelConfig,
    NetworkConfig,
    RecurrentConfig,
    RidgeConfig,
    SegrnnConfig,
    TabularConfig,
    TcnConfig,
    XgboostConfig,
)
from gatewise.config.volatility_models import GarchConfig, HarConfig, HarqConfig
from gatewise.errors import ConfigError
from gatewise.models.attentive_lstm import AttentiveLstm
from gatewise.models.base import EnsembleSpec, Forecast, ModelSpec, Network, NeuralSpec, TabularSpec
from gatewise.models.frame import Framed, inner_widths, require_forecast, settled
from gatewise.models.minlstm import MinLstmNet
from gatewise.models.recurrent import RecurrentNet
from gatewise.models.recurrent_memory import recurrent_step_bytes
from gatewise.models.segrnn import SegRNN
from gatewise.models.symbol import WithSymbol, told_width
from gatewise.models.tcn import TcnNet
from gatewise.models.transformer import Transformer
from gatewise.nn.allowed import require_allowed
from gatewise.nn.recurrent_op import Cell, Readout
from gatewise.parts import find_part, model_code
from gatewise.tabular.garch import Garch
from gatewise.tabular.har import Har
from gatewise.tabular.linear_models import Logistic, Ridge
from gatewise.tabular.xgboost_quantiles import fit_xgboost, xgboost_of


def _neural(
    make: Callable[..., Network], config: type[NetworkConfig], summary: str, source: str, **declared: Any
) -> NeuralSpec:
    """The entry of what is made with the fields of its section that not every network has."""

    def build(
        config: NetworkConfig,
        num_features: int,
        num_outputs: int,
        readout: Readout,
        generator: torch.Generator | None,
        **channels: int,
    ) -> Network:
        return make(num_features, num_outputs, readout=readout, generator=generator, **channels, **config.architecture)

    return NeuralSpec(summary, source, config, build, **declared)


def _recurrent(cell: Cell, summary: str, source: str) -> NeuralSpec:
    states, step_bytes = RecurrentNet.hidden_states, partial(recurrent_step_bytes, cell)
    make = partial(RecurrentNet, cell)
    return _neural(make, RecurrentConfig, summary, source, hidden_states=states, step_bytes=step_bytes)


def _tabular(
    model: type[Logistic | Ridge | Har | Garch], config: type[TabularConfig], summary: str, source: str
) -> TabularSpec:
    return TabularSpec(summary, source, config, model.fit, model.from_state)


MODELS: dict[str, ModelSpec] = {
    "lstm": _recurrent("lstm", "Long short-term memory", "Hochreiter & Schmidhuber 1997; Gers et al. 2000"),
    "gru": _recurrent("gru", "Gated recurrent unit", "Cho et al. 2014"),
    "tcn": _neural(
        TcnNet,
        TcnConfig,
        "Temporal convolutional network",
        "Bai, Kolter & Koltun 2018",
        hidden_states=TcnNet.hidden_states,
    ),
    "minlstm": _neural(
        MinLstmNet,
        MinLstmConfig,
        "LSTM whose gates read the input alone",
        "Feng et al. 2024",
        hidden_states=MinLstmNet.hidden_states,
    ),
    "transformer": _neural(
        Transformer,
        TransformerConfig,
        "Causal transformer encoder",
        "Vaswani et al. 2017",
        hidden_states=Transformer.states,
        maps=Transformer.step_weights,
        attention=Transformer.attention_weights,
    ),
    "attentive_lstm": _neural(
        AttentiveLstm,
        AttentiveLstmConfig,
        "A deep LSTM with convolutions and attention",
        "Hochreiter & Schmidhuber 1997; Vaswani et al. 2017",
        hidden_states=AttentiveLstm.states,
        maps=AttentiveLstm.step_weights,
        attention=AttentiveLstm.attention_weights,
    ),
    "segrnn": _neural(
        SegRNN,
        SegrnnConfig,
        "Segments of a window through a GRU, decoded at once",
        "Lin et al. 2023, arXiv 2308.11200",
        knows_channels=True,
    ),
    "logistic": _tabular(Logistic, LogisticConfig, "Logistic regression on one row", "Cox 1958"),
    "ridge": _tabular(Ridge, RidgeConfig, "Ridge regression on one row", "Hoerl & Kennard 1970"),
    "xgboost": TabularSpec("Boosted trees on one row", "Chen & Guestrin 2016", XgboostConfig, fit_xgboost, xgboost_of),
    "har": _tabular(Har, HarConfig, "Least squares on variances of 1, 5 and 22 horizons", "Corsi 2009"),
    "harq": _tabular(
        Har, HarqConfig, "HAR with the error of what was measured", "Bollerslev, Patton & Quaedvlieg 2016"
    ),
    "har_log": _tabular(Har, HarConfig, "HAR of logs, with half the variance of its residuals", "Corsi 2009"),
    "garch": _tabular(Garch, GarchConfig, "Variance of returns from those before", "Bollerslev 1986"),
    "gjr": _tabular(Garch, GarchConfig, "GARCH in which falls count differently", "Glosten, Jagannathan & Runkle 1993"),
    "voting": EnsembleSpec("Several models' mean or majority", "Hansen & Salamon 1990", ENSEMBLES["voting"]),
    "blending": EnsembleSpec(
        "A model over models, learned from held-out rows", "Töscher, Jahrer & Bell 2009", ENSEMBLES["blending"]
    ),
    "stacking": EnsembleSpec(
        "A model over models, learned from rows out of fold", "Wolpert 1992", ENSEMBLES["stacking"]
    ),
}
assert {name: spec.config for name, spec in MODELS.items()} == MODEL_CONFIGS


def find_spec(name: str) -> ModelSpec:
    """A model's entry.

    Raises:
        UnknownNameError: no model of that name. ConfigError: one's own is none, or its config is of another kind.
    """
    spec = find_part("model", name, MODELS, ModelSpec)
    if not issubclass(spec.config, spec.derives_from):
        *others, last = (base.__name__ for base in spec.derives_from)
        known = f"{', '.join(others)} or {last}" if others else last
        raise ConfigError(
            f"the config of model {name} ({type(spec).__name__}) must be a {known}; got {spec.config.__name__}",
            f"derive it from {known}",
        )
    return spec


def network_spec(config: ModelConfig) -> NeuralSpec:
    """A network's entry.

    Raises:
        UnknownNameError: no model of that name. ConfigError: it is no network.
    """
    spec = find_spec(config.name)
    if not isinstance(spec, NeuralSpec):
        kind = "an ensemble" if isinstance(spec, EnsembleSpec) else "a model of one row"
        raise ConfigError(f"{config.name} is {kind} and no network", "gatewise models list says which are networks")
    return spec


def tabular_spec(name: str) -> TabularSpec:
    """The entry of a model of one row."""
    spec = find_spec(name)
    assert isinstance(spec, TabularSpec)
    return spec


def stacks(config: ModelConfig) -> bool:
    """Whether models of a config train as one fleet."""
    spec = find_spec(config.name)
    return isinstance(spec, NeuralSpec) and spec.stacks


def build_model(
    config: ModelConfig,
    num_features: int,
    num_outputs: int,
    readout: Readout = "last",
    num_symbols: int = 0,
    symbol_onehot: bool = False,
    generator: torch.Generator | None = None,
    forecast: Forecast | None = None,
) -> Network:
    """The module that a config describes, on the CPU.

    Args:
        num_features: of the matrix.
        num_symbols: whose numbers may come; needed for `symbol_onehot` and `config.symbol_embedding`, and else unread.
        generator: of the initial weights (`gatewise.nn.initial.seeded`); `None` leaves them zero, to be loaded.
        forecast: what the outputs continue; needed where `config.continues`, and else unread.

    Raises:
        UnknownNameError: no model of that name.
        ConfigError: `input_features` is given and disagrees with the features, the model is no network, raises,
            holds a layer that `nn.allowed` refuses, or has a frame that the forecast does not fit.
    """
    spec = network_spec(config)
    assert isinstance(config, NetworkConfig)
    if config.input_features not in (None, num_features):
        raise ConfigError(
            f"model.input_features must be the number of features, {num_features}; got {config.input_features}",
            "leave it null to take what the features give",
        )
    embedding = config.learned_width
    width = told_width(num_symbols, symbol_onehot, embedding)
    config = settled(config, forecast, num_features)
    if config.continues:
        require_forecast(config, forecast, num_features)
    inner_features, inner_outputs = inner_widths(config, num_features, num_outputs)
    with model_code(config.name, "be built"):
        channels = num_features if config.channel_independent else 0
        inner = spec.network(config, inner_features + width, inner_outputs, readout, generator, channels)
    if not isinstance(inner, Network):
        raise ConfigError(
            f"model {config.name} must build a Network; got {type(inner).__name__}",
            "derive its class from gatewise.models.base.Network",
        )
    require_allowed(inner, config.name)
    if width:
        assert num_symbols
        inner = WithSymbol(inner, num_symbols, symbol_onehot, embedding, generator)
    return Framed(inner, config, forecast, num_features) if config.is_framed else inner
