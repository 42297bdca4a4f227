"""The section `model`: one class a family of models, chosen by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from gatewise.config.section import OUTPUT_KINDS, Fraction, Section
from gatewise.errors import ConfigError
from gatewise.parts import Configs

if TYPE_CHECKING:
    from gatewise.config.schema import TrainingConfig

Consumes = Literal["sequences", "rows"]
WIDEST = 1_000_000  # of layers; beyond it sizes in bytes are no longer numbers that torch holds


class ModelConfig(Section):
    """Base of the per-model sections; `name` chooses the class through MODEL_CONFIGS.

    Attributes:
        consumes: windows, or the rows that end them. What eats rows reads nothing of the training section but the seed.
        targets: kinds of outputs (`targets/outputs`) that it predicts.
    """

    consumes: ClassVar[Consumes] = "sequences"
    targets: ClassVar[tuple[str, ...]] = OUTPUT_KINDS

    name: str

    @property
    def is_causal(self) -> bool:
        """Whether a step's output depends on no later step of its window."""
        return True

    @property
    def learned_width(self) -> int:
        """Of the vector that it learns for each symbol; 0 for none."""
        return 0

    def require(self, output_kind: str, supervise: str, training: TrainingConfig) -> None:
        """Refuses what models can be asked for, and this can't.

        Args:
            output_kind: of the target.
            supervise, training: of the experiment.

        Raises:
            ConfigError: the setting, and what to do.
        """
        if output_kind not in self.targets:
            able = [name for name, made in MODEL_CONFIGS.items() if output_kind in made.targets]
            able.sort(key=lambda name: MODEL_CONFIGS[name].consumes != self.consumes)
            raise ConfigError(
                f"{self.name} predicts {' and '.join(self.targets)}; this target is of {output_kind}",
                f'model.name="{able[0]}", or another target.kind',
            )
        if supervise == "every" and not (self.is_causal and self.consumes == "sequences"):
            reason = "it reads one row and has no earlier steps"
            if self.consumes == "sequences":
                reason = "as it is configured, its earlier steps see what comes after them"
            raise ConfigError(
                f'windows.supervise must be "last" for {self.name}: {reason}',
                'windows.supervise="last"',
            )
        if self.consumes == "rows":
            given = dict(training) | {"loss": training.loss.name}
            unread = {"loss": "auto", "monitor": "auto", "class_weights": "none", "auto_batch_size": False}
            for name, usual in unread.items():
                if given[name] != usual:
                    raise ConfigError(
                        f"training.{name} is for networks; {self.name} reads nothing of training but its seed",
                        f"training.{name}={str(usual).lower()}",
                    )

    def refuse_unread(self, training: TrainingConfig) -> None:
        """Refuses settings of the training section that are not at their defaults and that the model does not read.

        Configs that runs and bundles keep are not asked: earlier versions took such settings.

        Raises:
            ConfigError: there is one.
        """
        if self.consumes == "sequences":
            return
        usual = type(training)()
        for name in type(training).model_fields:
            value = getattr(training, name)
            unread = value not in ("auto", "cpu") if name == "device" else value != getattr(usual, name)
            if unread and name not in ("seed", "per_symbol", "quick"):
                raise ConfigError(
                    f"training.{name} is for networks; {self.name} reads nothing of training but its seed",
                    "leave it out",
                )


class NetworkConfig(ModelConfig):
    """Base of networks' sections."""

    # Width of a learned vector a symbol, joined to every step's input; 0: none.
    symbol_embedding: int = Field(0, ge=0, le=WIDEST)
    input_features: int | None = Field(None, ge=1)  # None: as many as the features give; else it must agree

    @property
    def learned_width(self) -> int:
        return self.symbol_embedding


class RecurrentConfig(NetworkConfig):
    """lstm and gru."""

    hidden_size: int = Field(256, ge=1, le=WIDEST)
    num_layers: int = Field(2, ge=1, le=1_000)
    dropout: Fraction = 0.3
    bidirectional: bool = False

    @property
    def is_causal(self) -> bool:
        return not self.bidirectional


class TabularConfig(ModelConfig):
    """Base of sections of models of one row, the window's last."""

    consumes: ClassVar[Consumes] = "rows"


class LogisticConfig(TabularConfig):
    """logistic: for classes."""

    targets: ClassVar = ("classes",)
    strength: float | None = Field(None, gt=0)  # C, the inverse of the penalty; None: one of five, by the newest rows


class RidgeConfig(TabularConfig):
    """ridge: for values."""

    targets: ClassVar = ("values",)
    penalty: float | None = Field(None, gt=0)  # None: one of five, by the newest rows


class XgboostConfig(TabularConfig):
    """xgboost: for classes and values."""

    targets: ClassVar = ("classes", "values")
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
    "logistic": LogisticConfig,
    "ridge": RidgeConfig,
    "xgboost": XgboostConfig,
}


@dataclass(frozen=True)
class ModelPart:
    """What is read of a model before anything is built; `models.base` declares the rest.

    Attributes:
        summary, source: one line for people, and the paper.
        config: the class of its section.
    """

    summary: str
    source: str
    config: type[ModelConfig]


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
