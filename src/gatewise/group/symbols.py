"""One model for each symbol."""

from __future__ import annotations

from gatewise.config.schema import ExperimentConfig
from gatewise.data.load import load_table
from gatewise.data.table import Table
from gatewise.errors import ConfigError
from gatewise.group.task import GroupListener, GroupTask
from gatewise.group.train import GroupOutcome, train_group
from gatewise.training.budget import WHOLE, Budget


def train_symbols(
    config: ExperimentConfig,
    listener: GroupListener,
    table: Table | None = None,
    fleet: str = "auto",
    workers: int | None = None,
    name: str | None = None,
    budget: Budget = WHOLE,
) -> GroupOutcome:
    """Trains, judges and records a run for each symbol.

    Args:
        config: of all; `training.per_symbol` and `data.symbols` are each run's own.
        table: the rows of all; `None` loads what `config.data` names.
        fleet, workers, name: see `train_group`.
        budget: what may end each symbol's training early.

    Raises:
        GatewiseError: see `load_table` and `train_group`.
    """
    if config.reads_symbol:
        raise ConfigError(
            "a model of one symbol has none to tell apart",
            "leave out features.symbol_onehot and model.symbol_embedding",
        )
    budget.require_ahead(config.training.max_epochs)
    table = load_table(config.data) if table is None else table
    return train_group(config, table, symbol_tasks(config, table, budget), "per-symbol", listener, fleet, workers, name)


def symbol_tasks(config: ExperimentConfig, table: Table, budget: Budget = WHOLE) -> list[GroupTask]:
    """A task a symbol: its own rows of the table, and a config that `gatewise train` makes the same run of."""
    training = config.training.model_copy(update={"per_symbol": False})
    starts = [*table.symbol_starts.tolist(), table.num_rows]
    tasks = []
    for symbol, first, end in zip(table.symbols, starts[:-1], starts[1:], strict=True):
        data = config.data.model_copy(update={"symbols": (symbol,)})
        symbol_config = config.model_copy(update={"data": data, "training": training})
        tasks.append(GroupTask(symbol, symbol_config, table.slice(first, end - first), budget=budget))
    return tasks
