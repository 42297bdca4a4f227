"""What every model's section of a config is; config/model_section.py has them by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from gatewise.config.section import LATER, OUTPUT_KINDS, Section, kind_words
from gatewise.config.training_section import READ_BY_ALL
from gatewise.errors import ConfigError

if TYPE_CHECKING:
    from gatewise.config.schema import TrainingConfig

Consumes = Literal["sequences", "rows"]
_READ = ", ".join(READ_BY_ALL)
Reads = Literal["features", "history", "quarticity", "returns"]
WIDEST = 1_000_000  # of layers; beyond it sizes in bytes are no longer numbers that torch holds

CONTINUING = ("last_value", "revin", "channel_independent")  # settings of a frame whose forecasts continue features


class ModelConfig(Section):
    """Base of the per-model sections; `name` chooses the class through `options`.

    Attributes:
        consumes: windows, or the rows that end them. What eats rows reads `READ_BY_ALL` alone of the training section.
        reads: `features`; or, as some models of one row do, the `history` of what the target measures, that beside the
            `quarticity` of the same, or the window's `returns` (`targets/history.py`).
        targets: kinds of outputs (`targets/outputs`) that it predicts.
        tiny: values of its fields with which it is proved in moments; names that are no fields of it are left out.
        quick: those of a first look (`training.quick`), likewise.
        most_updates: how often at most `cv --online` fits it within a fold, evenly spaced; None: before each stretch.
        calibrated: its predictions come calibrated, so that `calibration.method` auto leaves them alone.
    """

    options: ClassVar[Mapping[str, type[ModelConfig]]] = {}
    most_updates: ClassVar[int | None] = None
    consumes: ClassVar[Consumes] = "sequences"
    reads: ClassVar[Reads] = "features"
    targets: ClassVar[tuple[str, ...]] = OUTPUT_KINDS
    tiny: ClassVar[Mapping[str, Any]] = {}
    quick: ClassVar[Mapping[str, Any]] = {}
    calibrated: ClassVar[bool] = False

    name: str

    @classmethod
    def sized(cls, sizes: Mapping[str, Any]) -> dict[str, Any]:
        """Those of some values (`tiny`, `quick`) whose fields it has."""
        return {name: value for name, value in sizes.items() if name in cls.model_fields}

    @property
    def is_causal(self) -> bool:
        """Whether a step's output depends on no later step of its window."""
        return True

    @property
    def reads_history(self) -> bool:
        """Whether it, or what it is made of, reads something else than features."""
        return self.reads != "features"

    @property
    def learned_width(self) -> int:
        """Of the vector that it learns for each symbol; 0 for none."""
        return 0

    @property
    def continues(self) -> str:
        """The first of its settings that must know which features its forecasts continue; empty: none."""
        return ""

    @property
    def may_continue(self) -> bool:
        """Whether its forecasts may stand on the features' own values, so that both must be in one unit."""
        return False

    def require_length(self, sequence_length: int) -> None:
        """Refuses windows whose length it can't read.

        Raises:
            ConfigError: a field, and what to do.
        """

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of all models that it is made of."""
        return (self.name,)

    @property
    def num_trainings(self) -> int:
        """How many trainings one of it takes."""
        return 1

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
            without = "no target.quantiles" if output_kind == "quantiles" else ""
            mends = [f'model.name="{able[0]}"', without or "another target.kind"]
            if self.targets == ("volatility",):
                mends = ['target.kind="realized_volatility"' + (without and f" and {without}")]
            raise ConfigError(
                f"{self.name} predicts {kind_words(self.targets)}; this target is of {output_kind}", ", or ".join(mends)
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
                        f"training.{name} is for networks; {self.name} reads nothing of training but {_READ}",
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
            if unread and name not in (*READ_BY_ALL, "per_symbol", "quick"):
                raise ConfigError(
                    f"training.{name} is for networks; {self.name} reads nothing of training but {_READ}",
                    "leave it out",
                )


class NetworkConfig(ModelConfig):
    """Base of networks' sections: what any network can be given, the frame around it (`models/frame.py`) among it."""

    tiny: ClassVar[Mapping[str, Any]] = {"hidden_size": 16, "num_layers": 1, "dropout": 0.0}
    quick: ClassVar[Mapping[str, Any]] = {"hidden_size": 32, "num_layers": 1}

    # Width of a learned vector a symbol, joined to every step's input; 0: none.
    symbol_embedding: int = Field(0, ge=0, le=WIDEST)
    input_features: int | None = Field(None, ge=1)  # None: as many as the features give; else it must agree
    # The window's last value of each forecast column is taken off before the network, and put back on its forecasts.
    # None of it and of `channel_independent`: where the outputs are forecasts that it can be done for.
    last_value: Annotated[bool | None, LATER] = False
    # Likewise its mean and standard deviation over the window, with a learned affine map (Kim et al. 2022).
    revin: Annotated[bool, LATER] = False
    input_patch: Annotated[int, Field(ge=1), LATER] = 1  # so many steps are folded into one
    channel_independent: Annotated[bool | None, LATER] = False  # each column is a series of its own; weights are shared

    @property
    def learned_width(self) -> int:
        return self.symbol_embedding

    @property
    def is_framed(self) -> bool:
        """Whether something stands around the network."""
        return bool(self.continues) or self.input_patch > 1

    @property
    def continues(self) -> str:
        return next((name for name in CONTINUING if getattr(self, name)), "")

    @property
    def may_continue(self) -> bool:
        return any(getattr(self, name) is not False for name in CONTINUING)

    @property
    def is_causal(self) -> bool:
        return self.last_value is False and not self.revin and self.input_patch == 1

    @property
    def architecture(self) -> dict[str, Any]:
        """The fields of this network alone, for the module that it names."""
        return {name: value for name, value in self if name not in NetworkConfig.model_fields}

    def require_length(self, sequence_length: int) -> None:
        if rest := sequence_length % self.input_patch:
            raise ConfigError(
                f"model.input_patch must divide windows.sequence_length, {sequence_length}; got {self.input_patch}",
                f"windows.sequence_length={sequence_length - rest or self.input_patch}, or "
                f"model.input_patch={widest_divisor(sequence_length, self.input_patch)}",
            )

    def require(self, output_kind: str, supervise: str, training: TrainingConfig) -> None:
        if self.continues and output_kind not in ("values", "sequences"):
            left_out = " ".join(f"model.{name}=false" for name in CONTINUING if getattr(self, name))
            raise ConfigError(
                f"model.{self.continues} is for columns of the rows ahead; this target is of {output_kind}",
                f'{left_out}, or target.kind="next_row" without target.quantiles',
            )
        super().require(output_kind, supervise, training)

    @model_validator(mode="after")
    def _one_level_is_taken_off(self) -> Self:
        if self.last_value and self.revin:
            raise ConfigError(
                "model.last_value and model.revin both take a window's level off; one of them can",
                "model.last_value=false, or model.revin=false",
            )
        return self


def widest_divisor(length: int, most: int) -> int:
    """The largest number up to `most` that divides a length."""
    return next(width for width in range(min(most, length), 0, -1) if length % width == 0)


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
