"""A step of a whole fleet: gradients of all members by one call, `vmap` of `grad` over their stacked weights.

Nothing here waits for the device or depends on the host, and shapes stay while the same members are at work, so a step
can be captured in a CUDA graph as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from gatewise.errors import ConfigError, MemoryExhaustedError
from gatewise.nn.dropout import Dropout, drawing
from gatewise.nn.members import MemberLayer
from gatewise.training.fleet.layout import Layout
from gatewise.training.fleet.windows import FleetBatch
from gatewise.training.listeners import Listener
from gatewise.training.objective import Objective
from gatewise.training.step import REMEDIES, Totals, is_out_of_memory
from gatewise.windows import Batch

# `Objective.sums` of each [A, reported + 1], and outputs [A, N, K].
Sums = tuple[Tensor, Tensor]


class Ensemble:
    """Models of one shape as one function of a row of weights.

    Args:
        models: equal but for their parameters and dropout rates.

    Raises:
        ConfigError: parameters differ in name or shape.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        for number, model in enumerate(models):
            _check_alike(models[0], model, number)
        self.layout = Layout.of(models[0])
        self.template = copy.deepcopy(models[0])
        self.rates: dict[str, Tensor] = {}
        for name, module in self.template.named_modules():
            if isinstance(module, MemberLayer):
                module.over_members = True
            if isinstance(module, Dropout):
                rate_K = torch.stack([model.get_buffer(f"{name}.rate") for model in models])
                self.rates[f"{name}.rate"] = rate_K
                module.p = float(rate_K.max())  # a place is computed unless no member drops there

    def rates_of(self, members_A: Tensor) -> dict[str, Tensor]:
        """Some members' dropout rates, by place, each [A]."""
        return {name: rate[members_A] for name, rate in self.rates.items()}

    def __call__(self, weights_D: Tensor, rates: dict[str, Tensor], *inputs: Tensor) -> Tensor:
        """One member's outputs; what `vmap` maps."""
        out: Tensor = functional_call(self.template, {**self.layout.unflatten(weights_D), **rates}, inputs)
        return out


@dataclass
class FleetStep:
    """Forward and backward passes of a fleet.

    Attributes:
        at_once: most members in one pass; halved when memory runs out, `None` for all.
        listener: hears of that.
    """

    ensemble: Ensemble
    objective: Objective
    listener: Listener
    at_once: int | None = None

    def gradients(
        self, weights_AD: Tensor, rates: dict[str, Tensor], batch: FleetBatch, keys_A: Tensor
    ) -> tuple[Tensor, Sums]:
        """Gradients [A, D] of each member's weighted mean loss, and what `evaluate` gives.

        Args:
            keys_A: int64, what each member's dropout draws from in this step.
        """
        self.ensemble.template.train()
        of_one = grad(self._loss, has_aux=True)
        return self._mapped(of_one, (weights_AD, rates, batch.stacked.tensors(), keys_A))

    def evaluate(self, weights_AD: Tensor, rates: dict[str, Tensor], batch: FleetBatch) -> Sums:
        """What each member's pass is told by, without dropout."""
        self.ensemble.template.eval()
        with torch.no_grad():
            return self._mapped(self._loss, (weights_AD, rates, batch.stacked.tensors()))[1]

    def _loss(
        self, weights_D: Tensor, rates: dict[str, Tensor], tensors: dict[str, Tensor], key: Tensor | None = None
    ) -> tuple[Tensor, Sums]:
        """One member's weighted mean loss, and what it is told by; what `vmap` maps."""
        batch = Batch(**tensors)
        with nullcontext() if key is None else drawing(key):
            loss_N, outputs_NK = self.objective(partial(self.ensemble, weights_D, rates), batch)
        loss = (loss_N * batch.weight).sum() / batch.weight.sum().clamp_min(1e-12)
        outputs_NK = outputs_NK.detach()
        return loss, (self.objective.sums(loss_N.detach(), outputs_NK, batch), outputs_NK)

    def _mapped(self, of_one: Callable[..., tuple[Tensor, Sums]], inputs: tuple[Any, ...]) -> tuple[Tensor, Sums]:
        members = len(inputs[0])
        while True:
            try:
                first, sums = vmap(of_one, chunk_size=self.at_once)(*inputs)
                return first, sums
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self.at_once == 1:
                    raise MemoryExhaustedError("the device has no room for a batch of one member", REMEDIES) from error
                self.at_once = max(1, min(self.at_once or members, members) // 2)
                self.listener.on_message(f"out of memory: members now run {self.at_once} at a time")


class FleetTotals:
    """`Totals` of K members, kept on the device; read once at an epoch's end."""

    def __init__(self, num_members: int, num_classes: int, device: torch.device, reported: Sequence[str]) -> None:
        self.num_classes, self.reported = num_classes, reported
        self.sums = torch.zeros(num_members, len(reported) + 1, dtype=torch.float64, device=device)
        self.confusion = torch.zeros(num_members, num_classes * num_classes, dtype=torch.int64, device=device)

    def add(self, members_A: Tensor, sums: Sums, batch: FleetBatch) -> None:
        """Takes a batch of some members in without waiting for the device."""
        sums_AM, outputs_ANK = sums
        self.sums.index_add_(0, members_A, sums_AM.double())
        if self.num_classes:
            cell = batch.stacked.y * self.num_classes + outputs_ANK.argmax(dim=2)
            cell += members_A[:, None] * self.num_classes**2
            self.confusion.view(-1).scatter_add_(0, cell.view(-1), batch.live.reshape(-1).long())

    def read(self) -> list[dict[str, float]]:
        """What `Totals.read` gives, of each member. Waits for the device."""
        sums, confusion = self.sums.cpu(), self.confusion.cpu()
        results = []
        for own_sums, own_confusion in zip(sums, confusion, strict=True):
            totals = Totals(self.num_classes, sums.device, self.reported)
            totals.sums, totals.confusion = own_sums, own_confusion
            results.append(totals.read())
        return results


def _check_alike(first: nn.Module, model: nn.Module, number: int) -> None:
    """Raises ConfigError unless parameters agree in name and shape, and buffers but for dropout's rates in value."""
    expected, got = ({**dict(module.named_parameters()), **dict(module.named_buffers())} for module in (first, model))
    for name in [*expected, *got]:
        sizes = [list(tensors[name].shape) if name in tensors else "absent" for tensors in (expected, got)]
        if sizes[0] != sizes[1]:
            raise ConfigError(
                f"members of a fleet must have one shape; {name} is {sizes[0]} in member 0 and {sizes[1]} in member "
                f"{number}",
                'fleet="off" trains them one by one',
            )
    rates = {f"{name}.rate" for name, module in first.named_modules() if isinstance(module, Dropout)}
    for name, buffer in first.named_buffers():
        if name not in rates and not torch.equal(buffer, got[name]):
            raise ConfigError(f"members of a fleet must have equal buffers; {name} differs in member {number}")
