"""One model for each seed, on the same rows: how much of a result another seed would change."""

from __future__ import annotations

from collections.abc import Sequence

from gatewise.config.schema import ExperimentConfig
from gatewise.data.load import load_table
from gatewise.data.table import Table
from gatewise.errors import ConfigError
from gatewise.group.task import GroupListener, GroupTask
from gatewise.group.train import GroupOutcome, train_group
from gatewise.training.budget import WHOLE, Budget


def train_seeds(
    config: ExperimentConfig,
    seeds: Sequence[int],
    listener: GroupListener,
    table: Table | None = None,
    fleet: str = "auto",
    workers: int | None = None,
    name: str | None = None,
    budget: Budget = WHOLE,
) -> GroupOutcome:
    """Trains, judges and records a run for each seed; each is the run that `training.seed` alone gives.

    Args:
        config: of all but the seed.
        seeds: see `config.seeds.read_seeds`.
        table: the rows; `None` loads what `config.data` names.
        fleet, workers, name: see `train_group`.
        budget: what may end each training early.

    Raises:
        GatewiseError: see `load_table` and `train_group`.
    """
    if config.training.per_symbol:
        raise ConfigError("one model a seed, or one a symbol: seeds and training.per_symbol are two groups of runs")
    budget.require_ahead(config.training.max_epochs)
    table = load_table(config.data) if table is None else table
    tasks = []
    for seed in seeds:
        training = config.training.model_copy(update={"seed": seed})
        tasks.append(GroupTask(str(seed), config.model_copy(update={"training": training}), table, budget=budget))
    return train_group(config, table, tasks, "seeds", listener, fleet, workers, name)
