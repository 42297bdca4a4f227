"""The section `model`: its class by the model's name, one class a family; what all share is in model_base.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from gatewise.config.attention_models import AttentiveLstmConfig, TransformerConfig
from gatewise.config.ensemble_section import ENSEMBLES
from gatewise.config.model_base import WIDEST, Consumes, ModelConfig, ModelPart, NetworkConfig, Reads, TabularConfig
from gatewise.config.section import LATER, Fraction
from gatewise.config.volatility_models import GarchConfig, HarConfig, HarqConfig
from gatewise.errors import ConfigError
from gatewise.parts import Configs

if TYPE_CHECKING:
    from gatewise.config.schema import TrainingConfig

__all__ = [
    "MODEL_CONFIGS",
    "Consumes",
    "ModelConfig",
    "ModelPart",
    "NetworkConfig",
    "Reads",
    "TabularConfig",
    "model_config",
]


class RecurrentConfig(NetworkConfig):
    """lstm and gru."""

    hidden_size: int = Field(256, ge=1, le=WIDEST)
    num_layers: int = Field(2, ge=1, le=1_000)
    dropout: Fraction = 0.3
    bidirectional: bool = False
    head_hidden: Annotated[int | None, Field(ge=1, le=WIDEST), LATER] = None  # units of a second layer in the head
    single_logit: Annotated[bool, LATER] = False  # of two classes: one output, trained on binary cross entropy

    @property
    def is_causal(self) -> bool:
        return super().is_causal and not self.bidirectional

    def require(self, output_kind: str, supervise: str, training: TrainingConfig) -> None:
        if self.single_logit and output_kind != "classes":
            raise ConfigError(
                f"model.single_logit is for two classes; this target is of {output_kind}",
                'model.single_logit=false, or target.kind="direction"',
            )
        super().require(output_kind, supervise, training)


class TcnConfig(NetworkConfig):
    """tcn."""

    tiny: ClassVar = {"channels": 16, "num_layers": 2, "dropout": 0.0}
    quick: ClassVar = {"channels": 32}  # fewer layers would see fewer steps

    channels: int = Field(64, ge=1, le=WIDEST)
    num_layers: int = Field(4, ge=1, le=20)  # residual blocks; layer n reads steps that lie 2^n apart
    kernel_size: int = Field(3, ge=2, le=1_000)
    dropout: Fraction = 0.2

    @property
    def receptive_field(self) -> int:
        """How many steps of a window the last one's output depends on, itself among them."""
        return 1 + 2 * (self.kernel_size - 1) * ((1 << self.num_layers) - 1)


class MinLstmConfig(NetworkConfig):
    """minlstm."""

    hidden_size: int = Field(128, ge=1, le=WIDEST)
    num_layers: int = Field(3, ge=1, le=1_000)
    expansion: int = Field(1, ge=1, le=100)  # units of a layer's state for each of its output
    dropout: Fraction = 0.2


class SegrnnConfig(NetworkConfig):
    """segrnn."""

    tiny: ClassVar = {"hidden_size": 16, "segment_length": 4, "dropout": 0.0}
    quick: ClassVar = {"hidden_size": 64}

    hidden_size: int = Field(128, ge=1, le=WIDEST)
    segment_length: int = Field(24, ge=1)  # steps that are one step of the layer, and outputs that are decoded as one
    dropout: Fraction = 0.5
    last_value: Annotated[bool | None, LATER] = None
    channel_independent: Annotated[bool | None, LATER] = None

    @property
    def is_causal(self) -> bool:
        return False


class LogisticConfig(TabularConfig):
    """logistic: for classes."""

    targets: ClassVar = ("classes",)
    strength: float | None = Field(None, gt=0)  # C, the inverse of the penalty; None: one of five, by the newest rows


class RidgeConfig(TabularConfig):
    """ridge: for values, paths of them and volatility."""

    targets: ClassVar = ("values", "sequences", "volatility")
    penalty: float | None = Field(None, gt=0)  # None: one of five, by the newest rows


class XgboostConfig(TabularConfig):
    """xgboost: for classes, values, quantiles and volatility."""

    targets: ClassVar = ("classes", "values", "quantiles", "volatility")
    tiny: ClassVar = {"most_rounds": 40}

    rounds: int | None = Field(None, ge=1)  # None: as many as serve the newest rows best
    most_rounds: int = Field(150, ge=1)  # tried where rounds is None
    eta: float = Field(0.05, gt=0, le=1)  # how much of each tree counts
    max_leaves: int = Field(15, ge=2)
    min_rows: int | None = Field(None, ge=1)  # in a leaf; None: a 500th of the training rows, within 20 and 200
    max_bins: int = Field(64, ge=2, le=65_536)
    l2: float = Field(1.0, ge=0)


MODEL_CONFIGS: dict[str, type[ModelConfig]] = {
    "lstm": RecurrentConfig,
    "gru": RecurrentConfig,
    "tcn": TcnConfig,
    "minlstm": MinLstmConfig,
    "transformer": TransformerConfig,
    "attentive_lstm": AttentiveLstmConfig,
    "segrnn": SegrnnConfig,
    "logistic": LogisticConfig,
    "ridge": RidgeConfig,
    "xgboost": XgboostConfig,
    "har": HarConfig,
    "harq": HarqConfig,
    "har_log": HarConfig,
    "garch": GarchConfig,
    "gjr": GarchConfig,
    **ENSEMBLES,
}
_CONFIGS: Mapping[str, type[ModelConfig]] = Configs(
    "model", MODEL_CONFIGS, ModelPart, ModelConfig, "NetworkConfig, or TabularConfig for a model of one row"
)
ModelConfig.options = _CONFIGS


def model_config(name: object) -> type[ModelConfig]:
    """The class of a model's section, one's own model's too.

    Raises:
        ConfigError: the name is no text, or that of an invalid part; UnknownNameError: of no model.
    """
    if not isinstance(name, str):
        raise ConfigError(f"model.name must be text; got {name!r}", f"valid: {', '.join(sorted(MODEL_CONFIGS))}")
    return _CONFIGS[name]
