"""Many models of one shape trained as one: folds, seeds, symbols, learning rates, decays, dropout rates.

Each member ends with the weights that `fit` alone would have given it, to float tolerance: its batches in its order,
its masks, its scales and labels, its schedule, clipping, stopping and best epoch. Members go through their epochs side
by side; one that has fewer batches, or is done, is left out of the stack from there on and costs the others nothing.

On a GPU a small model leaves nearly all of it idle, and its members fill it. On a CPU they gain nothing by standing in
one stack: processes side by side do (see `choose_fleet`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gatewise.config.alike import require_alike, require_fleet_choice
from gatewise.config.schema import TrainingConfig
from gatewise.errors import ConfigError, DivergedError
from gatewise.interrupts import Uninterrupted
from gatewise.isolation import plain_numbers
from gatewise.models.base import Network
from gatewise.nn.dropout import epoch_key
from gatewise.targets.outputs.base import OutputSpec
from gatewise.training.budget import WHOLE, Budget, Stop
from gatewise.training.crew import crew
from gatewise.training.device import Precision
from gatewise.training.fit import check_batch_size
from gatewise.training.fleet.graph import Graph
from gatewise.training.fleet.state import FleetState
from gatewise.training.fleet.step import Ensemble, FleetStep, FleetTotals
from gatewise.training.fleet.windows import FleetWindows, batches, stretches
from gatewise.training.gradients import Gradients
from gatewise.training.listeners import Listener
from gatewise.training.monitor import choose_monitor
from gatewise.training.objective import make_objective
from gatewise.training.prior import start_below
from gatewise.training.progress import FitResult
from gatewise.windows import Windows, epoch_order, evenly

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Member:
    """One of K models: those arguments of `fit` that may differ.

    Attributes:
        model: with its own initial weights and dropout rates; equal to the others' in all else.
        windows: over the one matrix that all share (the same tensor), with its own scales, labels and row weights.
            Members that share labels or weights should hand over the same tensor, too: it is then held once.
        train_rows, val_rows: end its windows.
        settings: agree in what `config.alike` names; the seed and all else are the member's own.
    """

    model: Network
    windows: Windows
    train_rows: Rows
    val_rows: Rows
    settings: TrainingConfig


@plain_numbers()
def fit_fleet(
    members: Sequence[Member],
    precision: Precision,
    spec: OutputSpec,
    listeners: Sequence[Listener],
    saved: tuple[dict[str, Tensor], dict[str, Any]] | None = None,
    save: Callable[[FleetState], None] | None = None,
    graph: bool = False,
    budget: Budget = WHOLE,
) -> list[FitResult | DivergedError]:
    """Trains all members in place and leaves in each the weights of its best epoch.

    Args:
        spec: what is predicted, by every member.
        listeners: one a member, hears what `fit` would tell; the first also hears of the whole fleet.
        saved: a `FleetState` as tensors and values, to go on from.
        save: called with the state after every `checkpoint_every_epochs` epochs (of the first member's settings).
        graph: captures the training step in a CUDA graph; not measured yet.
        budget: of all members, which stop after the same epoch.

    Returns:
        For each member how its fit ended; a member that diverges does not stop the rest; it keeps its
        best epoch's weights, or its initial ones and is a DivergedError where it had no finite epoch.

    Raises:
        ConfigError: members that differ in what they must share, fp16, a batch larger than a member's training part.
        MemoryExhaustedError: not even one member's batch fits.
    """
    fleet = _Fleet(members, precision, spec, listeners, graph, saved)
    state = fleet.state
    every = members[0].settings.checkpoint_every_epochs
    epochs = max(progress.epoch for progress in state.progress)
    cut: Literal["interrupted"] | Stop | None = None
    began = budget.clock()
    try:
        with crew(1):  # for torch's threads: on a CPU they spin against each other and win nothing here
            while (running := state.running) and cut is None:
                seconds = fleet.fit_epoch(running)
                epochs += 1
                cut = budget.stop(epochs, budget.clock() - began, seconds)
                if save is not None and (cut or epochs % every == 0):
                    save(state)
    except KeyboardInterrupt:
        if any(state.progress[k].epoch == 0 for k in state.running):
            raise
        cut = "interrupted"
    results: list[FitResult | DivergedError] = []
    for k, (member, progress) in enumerate(zip(members, state.progress, strict=True)):
        if k not in state.diverged:
            fleet.step.ensemble.layout.put(state.best[k], member.model)
        results.append(state.diverged.get(k) or progress.result(None if progress.finished else cut))
    return results


def choose_fleet(device: torch.device, num_members: int, choice: str = "auto") -> tuple[bool, str]:
    """Whether members are trained as one, and why.

    Args:
        choice: auto, on or off.
    """
    require_fleet_choice(choice)
    if choice != "auto":
        return choice == "on", "asked for"
    if num_members < 2:
        return False, "there is one member"
    if device.type == "cuda":
        return True, f"{num_members} members share {device}"
    return False, "on a CPU members gain nothing from one stack; they run side by side in processes"


class _Fleet:
    """What stays through all epochs, and the state that evolves."""

    def __init__(
        self,
        members: Sequence[Member],
        precision: Precision,
        spec: OutputSpec,
        listeners: Sequence[Listener],
        graph: bool,
        saved: tuple[dict[str, Tensor], dict[str, Any]] | None,
    ) -> None:
        self.windows = FleetWindows.of([member.windows for member in members])
        _check(members, precision)
        self.device = self.windows.windows.matrix.device
        if graph and self.device.type != "cuda":
            raise ConfigError(f"a CUDA graph needs a GPU; the device is {self.device}")
        self.graph = graph
        self.num_classes = len(spec.classes)
        self.listeners = listeners
        self.settings = [member.settings for member in members]
        self.train_rows, self.val_rows = (
            [torch.from_numpy(rows).to(self.device) for rows in part]
            for part in zip(
                *((m.train_rows, evenly(m.val_rows, m.settings.validation_windows)) for m in members), strict=True
            )
        )
        for member in members:
            if member.windows.log_weight is not None:
                start_below(member.model, member.windows.log_weight)
        ensemble = Ensemble([member.model for member in members])
        first = self.settings[0]
        monitor = choose_monitor(first, spec)
        self.state = FleetState.start([member.model for member in members], ensemble.layout, self.settings, monitor)
        if saved is not None:
            self.state.load(*saved)
        objective = make_objective(first, precision, spec, self.state.progress[0].monitor)
        self.step = FleetStep(ensemble, objective, listeners[0])

    def fit_epoch(self, running: Sequence[int]) -> float:
        """An epoch of every running member: trains, validates, moves the state on; the seconds that it took."""
        started = time.perf_counter()
        trained = self._train(running)
        train_seconds = time.perf_counter() - started
        validated = self._evaluate(running)
        seconds = time.perf_counter() - started
        with Uninterrupted():  # weights, records and listeners tell of the same epoch
            for k in running:
                progress = self.state.progress[k]
                num_windows = min(
                    len(self.train_rows[k]), self.settings[k].windows_per_epoch or len(self.train_rows[k])
                )
                try:
                    is_best = progress.observe(trained[k], validated[k], seconds, num_windows / train_seconds)
                except DivergedError as error:
                    self.state.diverged[k] = error
                    self.listeners[k].on_message(error.message)
                    continue
                if progress.news:
                    self.listeners[k].on_message(progress.news)
                if progress.diverged:
                    continue
                if is_best:
                    self.state.best[k] = self.state.weights[k]
                self.listeners[k].on_epoch(progress.epoch, progress.history[-1])
                for line in progress.ending if progress.finished else ():
                    self.listeners[k].on_message(line)
        return seconds

    def _train(self, running: Sequence[int]) -> list[dict[str, float]]:
        size, progress = self.settings[0].batch_size, self.state.progress
        totals = FleetTotals(len(progress), self.num_classes, self.device, self.step.objective.reported)
        orders, counts = [], []
        for k in running:
            settings = self.settings[k]
            order = epoch_order(self.train_rows[k], settings.seed, progress[k].epoch, settings.windows_per_epoch)
            orders.append(batches(order, size))
            counts.append(len(orders[-1][0]))
        for places, steps in stretches(counts):
            at_work = [running[place] for place in places]
            rows_SAB, live_SAB = (
                torch.stack([orders[place][part][steps.start : steps.stop] for place in places], dim=1)
                for part in (0, 1)
            )
            self._train_stretch(at_work, [counts[place] for place in places], steps, rows_SAB, live_SAB, totals)
        return totals.read()

    def _train_stretch(
        self,
        at_work: Sequence[int],
        counts: Sequence[int],
        steps: range,
        rows_SAB: Tensor,
        live_SAB: Tensor,
        totals: FleetTotals,
    ) -> None:
        """Steps through which the same members are at work."""
        settings, progress = [self.settings[k] for k in at_work], [self.state.progress[k] for k in at_work]
        members_A = torch.tensor(at_work, device=self.device)
        weights_KD, windows = self.state.weights, self.windows.take(members_A)
        optimizers = [self.state.optimizers[k] for k in at_work]
        gradients = Gradients([optimizer.parameters for optimizer in optimizers])
        clip_A1 = self._numbers([[config.gradient_clip or float("inf")] for config in settings])
        dropout = self.step.ensemble.rates_of(members_A)
        # Tables made before the first step, so that the loop sends the device nothing.
        keys = [epoch_key(config.seed, state.epoch) for config, state in zip(settings, progress, strict=True)]
        keys_SA = torch.tensor([[key + step for key in keys] for step in steps], device=self.device)
        rates_SA: Any = [
            [state.learning_rate((step + 0.5) / n) for state, n in zip(progress, counts, strict=True)] for step in steps
        ]
        if self.graph:
            rates_SA = self._numbers(rates_SA)  # numbers would stay those of the capture

        def one(rows_AB: Tensor, live_AB: Tensor, keys_A: Tensor, rates_A: Any) -> None:
            batch = windows.batch(rows_AB, live_AB)
            computed_AD, sums = self.step.gradients(weights_KD[members_A], dropout, batch, keys_A)
            gradients.rows_KD.copy_(computed_AD)
            gradients.clip(clip_A1)
            for optimizer, rate in zip(optimizers, rates_A, strict=True):
                optimizer.learning_rate = rate
                optimizer.step()
            totals.add(members_A, sums, batch)

        run = Graph(one) if self.graph else one
        for number, step in enumerate(steps):
            run(rows_SAB[number], live_SAB[number], keys_SA[number], rates_SA[number])
            for k, count in zip(at_work, counts, strict=True):
                self.listeners[k].on_step(self.state.progress[k].epoch + 1, step + 1, count)

    def _evaluate(self, running: Sequence[int]) -> list[dict[str, float]]:
        totals = FleetTotals(len(self.state.progress), self.num_classes, self.device, self.step.objective.reported)
        tables = [batches(self.val_rows[k], self.settings[0].batch_size) for k in running]
        for places, steps in stretches([len(rows) for rows, _ in tables]):
            members_A = torch.tensor([running[place] for place in places], device=self.device)
            windows = self.windows.take(members_A).judged()
            weights, dropout = self.state.weights[members_A], self.step.ensemble.rates_of(members_A)
            for step in steps:
                rows_AB, live_AB = (torch.stack([tables[place][part][step] for place in places]) for part in (0, 1))
                batch = windows.batch(rows_AB, live_AB)
                totals.add(members_A, self.step.evaluate(weights, dropout, batch), batch)
        return totals.read()

    def _numbers(self, values: list[list[float]]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self.device)


def _check(members: Sequence[Member], precision: Precision) -> None:
    if precision.scale_gradients:
        raise ConfigError("a fleet trains in bf16 or fp32; got fp16", 'training.precision="fp32", or fleet="off"')
    for member in members:
        check_batch_size(member.settings, len(member.train_rows))
        require_alike(members[0].settings, member.settings, "training")
