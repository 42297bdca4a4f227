"""What every model's section of a config is; config/model_section.py has them by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from gatewise.config.section import OUTPUT_KINDS, Section
from gatewise.errors import ConfigError

if TYPE_CHECKING:
    from gatewise.config.schema import TrainingConfig

Consumes = Literal["sequences", "rows"]
WIDEST = 1_000_000  # of layers; beyond it sizes in bytes are no longer numbers that torch holds


class ModelConfig(Section):
    """Base of the per-model sections; `name` chooses the class through `options`.

    Attributes:
        consumes: windows, or the rows that end them. What eats rows reads nothing of the training section but the seed.
        targets: kinds of outputs (`targets/outputs`) that it predicts.
    """

    options: ClassVar[Mapping[str, type[ModelConfig]]] = {}
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
            able = [name for name, model in self.options.items() if output_kind in model.targets]
            able.sort(key=lambda name: self.options[name].consumes != self.consumes)
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


class TabularConfig(ModelConfig):
    """Base of sections of models of one row, the window's last."""

    consumes: ClassVar[Consumes] = "rows"


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
