"""Adam, AdamW and SGD for the weights of a model, alone or a member of a fleet: a call of torch's fused kernel a step.

What `torch.optim` computes with `fused=True`, to the last bit, but without it: to make any of its optimizers imports
torch's compiler and SymPy (0.84 s and 75 MB a process), and a step of a small model spends 0.2 ms in its wrappers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from gatewise.errors import entry

FIRST_DECAY, SECOND_DECAY, EPSILON = 0.9, 0.999, 1e-8  # torch's defaults


class Optimizer(ABC):
    """Moves a model's weights by their gradients; offers what `torch.amp.GradScaler` asks of an optimizer.

    The scaler hands over `found_inf`; where that is not 0, the step changes nothing.

    Args:
        parameters: float32 or float64, all on one device.

    Attributes:
        learning_rate: of the next step; a float32 scalar on the device where a CUDA graph replays steps.
    """

    # The GradScaler sets the last two before a step and deletes them after it.
    _step_supports_amp_scaling = True
    grad_scale: Tensor | None = None
    found_inf: Tensor | None = None

    def __init__(self, parameters: Sequence[Tensor], learning_rate: float, weight_decay: float) -> None:
        self.parameters = list(parameters)
        self.learning_rate: float | Tensor = learning_rate
        self.weight_decay = weight_decay

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """For the GradScaler, which looks for gradients here."""
        return [{"params": self.parameters}]

    @torch.no_grad()
    def step(self) -> None:
        """One update of every parameter that has a gradient."""
        moved = [index for index, parameter in enumerate(self.parameters) if parameter.grad is not None]
        if moved:
            gradients = [gradient for parameter in self.parameters if (gradient := parameter.grad) is not None]
            self._update([self.parameters[index] for index in moved], gradients, moved)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes a saved state in."""
        for name, tensor in self.tensors().items():
            tensor.copy_(tensors[name])

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """The state by name, the tensors themselves."""

    @abstractmethod
    def _update(self, parameters: list[Tensor], gradients: list[Tensor], moved: list[int]) -> None:
        """Calls the kernel; `moved` are the places of `parameters` in the state."""


class Adam(Optimizer):
    """AdamW (decoupled decay, Loshchilov & Hutter 2019) or Adam (decay joins the gradient, Kingma & Ba 2015).

    Attributes:
        steps: float32 scalar, updates so far; on the parameters' device, so that no step waits for it.
        first, second: Adam's moments of each parameter.
    """

    def __init__(
        self, parameters: Sequence[Tensor], learning_rate: float, weight_decay: float, *, decoupled: bool
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        self.first = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.second = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.steps = torch.zeros((), dtype=torch.float32, device=self.parameters[0].device)
        self._kernel = torch._fused_adamw_ if decoupled else torch._fused_adam_

    def _update(self, parameters: list[Tensor], gradients: list[Tensor], moved: list[int]) -> None:
        self.steps.add_(1)
        self._kernel(
            parameters,
            gradients,
            [self.first[index] for index in moved],
            [self.second[index] for index in moved],
            [],
            [self.steps] * len(moved),
            lr=self.learning_rate,
            beta1=FIRST_DECAY,
            beta2=SECOND_DECAY,
            weight_decay=self.weight_decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
            grad_scale=self.grad_scale,
            found_inf=self.found_inf,
        )
        if self.found_inf is not None:
            self.steps.sub_(self.found_inf)

    def tensors(self) -> dict[str, Tensor]:
        """The state by name, the tensors themselves."""
        moments = {"first": self.first, "second": self.second}
        named = {f"{name}/{index}": tensor for name, moment in moments.items() for index, tensor in enumerate(moment)}
        return {"steps": self.steps, **named}


class Sgd(Optimizer):
    """Stochastic gradient descent with momentum (Polyak 1964); decay joins the gradient.

    Args:
        momentum: share of the last update that is kept; 0 for none.

    Attributes:
        velocity: the decaying sum of each parameter's gradients.
    """

    def __init__(
        self, parameters: Sequence[Tensor], learning_rate: float, weight_decay: float, momentum: float
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        self.momentum = momentum
        self.velocity = [torch.zeros_like(parameter) for parameter in self.parameters] if momentum else []

    def _update(self, parameters: list[Tensor], gradients: list[Tensor], moved: list[int]) -> None:
        torch._fused_sgd_(
            parameters,
            gradients,
            [self.velocity[index] for index in moved] if self.velocity else [],
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,  # a velocity of 0 takes in the first gradient whole
            grad_scale=self.grad_scale,
            found_inf=self.found_inf,
        )

    def tensors(self) -> dict[str, Tensor]:
        """The state by name, the tensors themselves."""
        return {f"velocity/{index}": tensor for index, tensor in enumerate(self.velocity)}


def trainable(model: nn.Module) -> list[Tensor]:
    """The parameters that ask for a gradient."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def make_optimizer(name: str, parameters: Sequence[Tensor], learning_rate: float, **options: float) -> Optimizer:
    """One of `OPTIMIZERS`, with its own options.

    Raises:
        UnknownNameError: there is none of that name.
    """
    return entry("optimizer", name, OPTIMIZERS)(parameters, learning_rate, **options)


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "adamw": partial(Adam, decoupled=True),
    "adam": partial(Adam, decoupled=False),
    "sgd": Sgd,
}
