"""One of a group of runs as a task, and what becomes of it: one a symbol, or one a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import Table
from gatewise.errors import GatewiseError
from gatewise.registry.info import Group
from gatewise.training.budget import WHOLE, Budget


class GroupListener(Protocol):
    """Hears how the trainings of a group go; each member is called by its symbol or seed."""

    def on_plan(self, members: Sequence[str], max_epochs: int, compute: str) -> None:
        """These are to be trained."""

    def on_start(self, member: str) -> None:
        """Its training begins."""

    def on_epoch(self, member: str, epoch: int) -> None:
        """So many of its epochs are done."""

    def on_end(self, member: str, answer: GroupRun | GroupFailure) -> None:
        """It is done, or came to nothing."""


@dataclass(frozen=True)
class GroupTask:
    """One member's training: its rows, and the config of a run that `gatewise train` would make of it alone.

    Attributes:
        name: of its run; `None`: made of data, model and target.
        group: that its run belongs to.
    """

    member: str
    config: ExperimentConfig
    table: Table
    name: str | None = None
    group: Group | None = None
    budget: Budget = WHOLE


@dataclass(frozen=True)
class GroupRun:
    """A member's finished run; `result` is what `gatewise train --json` says of it, without the run's id."""

    member: str
    run_id: str
    result: dict[str, Any]


@dataclass(frozen=True)
class GroupFailure:
    """A member whose training came to nothing, and why."""

    member: str
    error: GatewiseError
