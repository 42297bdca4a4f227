"""Tables of several symbols for the tests: levels far apart, and a planted signal whose sign differs by symbol."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from audit_tables import MINUTE, random_walk
from gatewise.bundle import Bundle
from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig, model_config
from gatewise.data.table import Table
from gatewise.experiment import Prepared, prepare
from gatewise.learners.table import train_model
from gatewise.training.listeners import Listeners

SMALL: dict[str, Any] = {
    "features.sets": [],
    "features.columns": ["signal"],
    "target.kind": "direction",
    "target.horizon": 1,
    "windows.sequence_length": 3,
    "split.embargo_rows": 2,
    "model.hidden_size": 8,
    "model.num_layers": 1,
    "model.dropout": 0.0,
    "training.batch_size": 64,
    "training.max_epochs": 8,
    "training.learning_rate": 0.02,
    "training.scheduler": "cosine",
    "training.warmup_epochs": 0,
    "training.device": "cpu",
    "evaluation.bootstrap_samples": 50,
}


def config_of(**overrides: Any) -> ExperimentConfig:
    """SMALL, as far as the model has its fields, and else the model's own small sizes; dotted fields as keywords."""
    said = {name.replace("__", "."): value for name, value in overrides.items()}
    section = model_config(said.get("model.name", "lstm"))
    fields = {**section.tiny, **{name.removeprefix("model."): value for name, value in SMALL.items()}}
    sizes = {f"model.{name}": value for name, value in section.sized(fields).items()}
    return load_config(overrides={name: value for name, value in SMALL.items() if name[:6] != "model."} | sizes | said)


def opposite_signs(num_rows: int = 1_500, symbols: str = "AB", seed: int = 0) -> Table:
    """The next bar follows `signal` for every other symbol, and runs against it for the rest."""
    rng = np.random.default_rng(seed)
    frames = []
    for number, symbol in enumerate(symbols):
        signal = rng.normal(size=num_rows)
        step = np.concatenate([[0.0], (-1) ** number * signal[:-1]]) * 1e-3 + rng.normal(0, 2e-4, num_rows)
        close = 100 * np.exp(np.cumsum(step))
        time = random_walk(num_rows).frame["time"]
        bars = dict.fromkeys(("open", "high", "low", "close"), close)
        frames.append(
            pl.DataFrame(
                {"symbol": [symbol] * num_rows, "time": time, **bars, "volume": np.ones(num_rows), "signal": signal}
            )
        )
    return Table(pl.concat(frames), MINUTE, MINUTE)


def far_levels(num_rows: int = 900, symbols: str = "AB", seed: int = 0) -> Table:
    """Random walks around 100, 10,000, 1,000,000 …, volumes likewise apart."""
    table = random_walk(num_rows, seed, symbols)
    factor = np.repeat([100.0**number for number in range(len(symbols))], num_rows)
    return table.with_frame(table.frame.with_columns(pl.col(name) * pl.Series(factor) for name in table.columns))


def only(table: Table, symbol: str) -> Table:
    """One symbol's rows."""
    return table.with_frame(table.frame.filter(pl.col("symbol") == symbol))


def trained(config: ExperimentConfig, table: Table) -> tuple[Prepared, Bundle]:
    """What an experiment trains, without judging it."""
    prepared = prepare(config, table)
    rows = prepared.split.train, prepared.split.val
    trained = train_model(config, prepared.samples, prepared.fold, *rows, Listeners(()))
    return prepared, Bundle.of(config, prepared.samples, prepared.fold, trained.predictor)


def log_loss(bundle: Bundle, prepared: Prepared) -> float:
    """On test rows."""
    samples, rows = prepared.samples, prepared.split.test
    said = bundle.predict_rows(samples.table, samples.matrix, rows)
    return float(-np.log(said[np.arange(len(rows)), samples.labels.y[rows]]).mean())
