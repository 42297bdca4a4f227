"""What a model is to the rest: its declaration, and for networks the class that all of them are of.

A capability that is a function is declared by giving it: what is `None` can't be asked for. What follows from a model's
fields (`consumes`, `targets`, `is_causal`) is declared by its config class, since configs are checked without torch.
`proofs/laws/` proves what is declared.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gatewise.config.ensemble_section import ENSEMBLES, EnsembleConfig
from gatewise.config.model_section import Consumes, ModelConfig, ModelPart, NetworkConfig, Reads, TabularConfig
from gatewise.nn.recurrent_op import Readout
from gatewise.tabular.base import State, TabularModel, TrainingRows

SMALLEST_PIECE = 16


class Network(nn.Module, ABC):
    """x_BTF -> outputs [batch, outputs]; [batch, steps, outputs] in training, where it was built with readout `every`.

    Outputs are logits for classes and scaled values for numbers; no activation is applied. A window's outputs are a
    function of weights, window and dropout's key alone (`nn/allowed.py`).
    """

    @property
    @abstractmethod
    def output_bias(self) -> Tensor:
        """The parameter [outputs] that is added last; training with class weights begins with it lowered.

        [1] where outputs are (0, z); of a series' outputs, or of a segment of these, where each column is one.
        """

    @property
    def least_piece(self) -> int:
        """Windows that a piece of a batch holds at least, on a CPU: many where a window reads the weights few times."""
        return SMALLEST_PIECE


@dataclass(frozen=True)
class Forecast:
    """What a network's outputs continue: outputs view as [batch, steps, columns].

    Attributes:
        steps: ahead.
        columns: for each forecast column the place in x of the feature that it continues, in the same unit as y.
    """

    steps: int
    columns: tuple[int, ...]


@dataclass(frozen=True)
class StepShape:
    """What a training step is made of.

    Attributes:
        windows: whose activations live at the same time.
        steps, features: of each.
        element_bytes: 4 for fp32, 2 for bf16 and fp16.
        device_type: `cpu` or `cuda`.
    """

    windows: int
    steps: int
    features: int
    element_bytes: int = 4
    device_type: str = "cpu"


# (bytes that forward keeps for backward, bytes that live only within an operation, at their largest)
StepBytes = tuple[int, int]
# (config, num_features, num_outputs, readout, generator of the initial weights; `None` leaves them zero)
Build = Callable[..., Network]


@dataclass(frozen=True)
class ModelSpec(ModelPart, ABC):
    """What every model declares.

    Attributes:
        kind: `network`, `one row` or `ensemble`, for people.
        derives_from: what its config derives from, one of these.
    """

    kind: ClassVar[str]
    derives_from: ClassVar[tuple[type[ModelConfig], ...]]

    @property
    def consumes(self) -> Consumes:
        """`sequences` [batch, steps, features] or `rows` [batch, features]."""
        return self.config.consumes

    @property
    def reads(self) -> Reads:
        """See `ModelConfig.reads`."""
        return self.config.reads

    @property
    @abstractmethod
    def can(self) -> list[str]:
        """What it declares beside its predictions, in words."""


@dataclass(frozen=True)
class NeuralSpec(ModelSpec):
    """A network.

    Attributes:
        build: makes it, on the CPU.
        hidden_states: (module, x_BTF) -> its top layer's states [batch, steps, width].
        maps: (module, x_BTF) -> how much each step counted for the outputs, [batch, steps], rows summing to 1.
        attention: (module, x_BTF) -> how much each step took of each, [batch, layers, heads, steps, steps], rows as in
            maps.
        step_bytes: (config, shape) -> what a training step takes beside weights; `None`: small ones are watched.
        stacks: whether its members train as one fleet; what keeps it out is an operation that `vmap` can't map.
        exports: whether `torch.export` takes it.
        knows_channels: whether `build` takes `channels` too: how many series of a window follow one another in a batch,
            where outputs are a series' next values; 0 where they are not.
    """

    kind: ClassVar = "network"
    derives_from: ClassVar = (NetworkConfig,)
    config: type[NetworkConfig]
    build: Build
    hidden_states: Callable[[Any, Tensor], Tensor] | None = None
    maps: Callable[[Any, Tensor], Tensor] | None = None
    attention: Callable[[Any, Tensor], Tensor] | None = None
    step_bytes: Callable[[Any, StepShape], StepBytes] | None = None
    stacks: bool = True
    exports: bool = True
    knows_channels: bool = False

    def network(
        self,
        config: NetworkConfig,
        num_features: int,
        num_outputs: int,
        readout: Readout = "last",
        generator: torch.Generator | None = None,
        channels: int = 0,
    ) -> Network:
        """What `build` makes."""
        more = {"channels": channels} if self.knows_channels else {}
        return self.build(config, num_features, num_outputs, readout, generator, **more)

    @property
    def can(self) -> list[str]:
        declared = {
            "hidden states": self.hidden_states is not None,
            "maps": self.maps is not None,
            "attention": self.attention is not None,
            "fleets": self.stacks,
            "export": self.exports,
        }
        return [word for word, is_so in declared.items() if is_so]


@dataclass(frozen=True)
class TabularSpec(ModelSpec):
    """A model of one row.

    Attributes:
        fit: learns. from_state: makes what gave the state.
    """

    kind: ClassVar = "one row"
    derives_from: ClassVar = (TabularConfig,)
    fit: Callable[[TrainingRows, Any], TabularModel]
    from_state: Callable[[State], TabularModel]

    @property
    def can(self) -> list[str]:
        return []


@dataclass(frozen=True)
class EnsembleSpec(ModelSpec):
    """Several models together; `learners/ensemble.py` trains and asks them."""

    kind: ClassVar = "ensemble"
    derives_from: ClassVar = (*ENSEMBLES.values(),)
    config: type[EnsembleConfig]

    @property
    def can(self) -> list[str]:
        return []
