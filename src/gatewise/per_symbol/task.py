"""One symbol's training as a task, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import Table
from gatewise.errors import GatewiseError
from gatewise.jobs.jobs import error_to_dict
from gatewise.registry.info import Group
from gatewise.training.budget import WHOLE, Budget


class SymbolListener(Protocol):
    """Hears how the symbols' trainings go."""

    def on_plan(self, symbols: Sequence[str], max_epochs: int, compute: str) -> None:
        """These are to be trained."""

    def on_start(self, symbol: str) -> None:
        """Its training begins."""

    def on_epoch(self, symbol: str, epoch: int) -> None:
        """So many of its epochs are done."""

    def on_end(self, symbol: str, answer: SymbolRun | SymbolFailure) -> None:
        """It is done, or came to nothing."""


@dataclass(frozen=True)
class SymbolTask:
    """One symbol's training: its rows, and the config of a run on them alone.

    Attributes:
        name: of its run; `None`: made of data, model and target.
        group: that its run belongs to.
    """

    symbol: str
    config: ExperimentConfig
    table: Table
    name: str | None = None
    group: Group | None = None
    budget: Budget = WHOLE


@dataclass(frozen=True)
class SymbolRun:
    """A symbol's finished run; `result` is what `gatewise train --json` says of it, without the run's id."""

    symbol: str
    run_id: str
    result: dict[str, Any]


@dataclass(frozen=True)
class SymbolFailure:
    """A symbol whose training came to nothing, and why."""

    symbol: str
    error: GatewiseError

    def to_dict(self) -> dict[str, Any]:
        return {"symbol": self.symbol, "error": error_to_dict(self.error)}
