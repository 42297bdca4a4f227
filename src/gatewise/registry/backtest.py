"""A trained model traded: on the test rows of its own run, from what was predicted there, or on new rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.broker import Market
from gatewise.broker.market import Sides
from gatewise.bundle import Bundle, traded_sides
from gatewise.bundle.explaining import own_table
from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import SYMBOL, TIME, Table
from gatewise.errors import ConfigError, NotEnoughRowsError
from gatewise.evaluation.trading import Backtest, backtest
from gatewise.registry.predicted import kept_predictions
from gatewise.report.backtest import backtest_page, terms_words

_ROW = "__row"
NEW = "new"
_PARTS = {"test": "test rows of its run", "val": "validation rows of its run", NEW: "new rows"}


@dataclass(frozen=True)
class ModelBacktest:
    """What trading a model makes.

    Attributes:
        title: of the model.
        part: test or val, of the run's own rows; new for other ones.
        rows: that were predicted. first, last: when the first and the last of them were known.
        notes: what a reader of the numbers should know, a sentence each.
        table: the rows that were traded.
    """

    backtest: Backtest
    title: str
    part: str
    rows: int
    first: datetime
    last: datetime
    notes: tuple[str, ...]
    table: Table

    @property
    def caption(self) -> str:
        """On what, and how."""
        span = f"{self.first:%Y-%m-%d %H:%M} to {self.last:%Y-%m-%d %H:%M} UTC"
        return f"{self.rows:,} {_PARTS[self.part]}, {span}. {terms_words(self.backtest)}"

    @property
    def trades(self) -> pl.DataFrame:
        """A row a trade, in the order of their fills: symbol, side (long, short), decided, entry, exit (times of the
        rows that decide and fill; an open's row is known at its close), prices, units, rows held, gross, cost, net (of
        a capital of 1, or price units), ended (closed as rows end).
        """
        trades, time, symbol = self.backtest.account.trades, self.table.frame[TIME], self.table.frame[SYMBOL]
        columns = {
            SYMBOL: symbol.gather(trades.decided),
            "side": pl.Series(np.where(trades.side > 0, "long", "short")),
            "decided": time.gather(trades.decided),
            "entry": time.gather(trades.entry),
            "exit": time.gather(trades.exit),
            **{name: getattr(trades, name) for name in ("entry_price", "exit_price", "units")},
            "rows": trades.exit - trades.entry,
            **{name: getattr(trades, name) for name in ("gross", "cost", "net", "ended")},
        }
        return pl.DataFrame(columns).sort("entry", SYMBOL, maintain_order=True)

    @property
    def steps(self) -> pl.DataFrame:
        """A row a step: time, gross, cost, net, held (of staying long), equity, equity_gross, equity_held, drawdown,
        exposure, traded.
        """
        account = self.backtest.account
        names = ("gross", "cost", "net", "held", "equity", "equity_gross", "equity_held", "drawdown", "exposure")
        columns = {name: getattr(account, name) for name in (*names, "traded")}
        time = pl.Series(TIME, account.time_us).cast(pl.Datetime("us", "UTC"))
        return pl.DataFrame({TIME: time, **columns})

    @property
    def page(self) -> str:
        """HTML that refers to nothing outside itself."""
        trades = self.backtest.account.trades
        symbol = self.table.frame[SYMBOL].gather(trades.decided).to_list()
        return backtest_page(self.title, self.backtest, symbol, (self.caption, *self.notes))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, without curves and trades."""
        return {
            "part": self.part,
            "rows": self.rows,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "notes": list(self.notes),
            **self.backtest.to_dict(),
        }


def backtest_model(
    bundle: Bundle,
    run: Path | None,
    table: Table | None = None,
    assignments: Iterable[str] = (),
    changes: Mapping[str, Any] | None = None,
    *,
    device: str = "auto",
    warn: Callable[[str], None] | None = None,
) -> ModelBacktest:
    """Trades a model.

    Args:
        run: the folder of its run; `None`: of a bundle alone.
        table: rows; `None`, or those that the run was made of: its test rows (its val rows where it has no test part),
            as they were predicted then.
        assignments, changes: of the run's config, its sections broker and evaluation; see `load_config`.
        warn: hears where inputs lie far from those of training.

    Raises:
        ConfigError: nothing says where a price goes, or there is no close; no table, and no run with predictions.
        NotEnoughRowsError: fewer than two rows to trade. ReadError: the predictions that the run kept are damaged.
        GatewiseError: see `Bundle.predict` and `load_table`.
    """
    config = load_config(None, assignments, changes, base=bundle.record.config.to_dict())
    frame = kept_predictions(run) if run else None
    if table is None and frame is None:
        raise ConfigError(
            "the model is of no run that kept its predictions, so there are no rows of its own to trade",
            "name rows to trade: data.paths=FILE",
        )
    own = table is None or table.fingerprint == bundle.record.data_fingerprint
    table = own_table(bundle) if table is None else table
    notes: list[str] = []
    if own and frame is not None:
        part = "test" if "test" in frame["part"] else "val"
        rows, predictions, lost = _kept(frame.filter(pl.col("part") == part), bundle, table)
        if part == "val":
            notes.append("Validation rows chose the epoch, so they flatter the model.")
        if table.fingerprint != bundle.record.data_fingerprint:
            notes.append(
                f"The rows are not all as they were when the model was trained; {lost:,} of those that it predicted "
                "are gone, and prices are today's."
            )
    else:
        part = NEW
        matrix = bundle.features(table)
        rows = bundle.scorable_rows(table, matrix)
        predictions = bundle.predict_rows(table, matrix, rows, device)
        bundle.warn_of_far(table, matrix, rows, warn)
        notes += _learned_from(bundle, table, rows, frame)
    side = traded_sides(bundle, table, rows, predictions)
    if rule := bundle.record.decision_rule:
        notes.insert(0, f"Sides are those of the decision rule, which {rule.words}.")
    market = Market.from_table(table)
    if side is None or market is None:
        without = "the rows have no close" if market is None else f"a {config.target.kind} says neither up nor down"
        raise ConfigError(
            f"a backtest takes a side of each row and a close to trade at; {without}",
            'target.kind="triple_barrier", direction or forward_return say where a price goes',
        )
    if config.broker.fill == "open" and market.open is None:
        notes.append("The rows have no open, so orders are filled at the close of the row that decides.")
    if len(rows) < 2:
        raise NotEnoughRowsError(f"a backtest takes two rows or more; got {len(rows)}", "give more rows")
    traded = _traded(side, rows, market, config)
    title = f"{config.model.name} on {', '.join(table.symbols[:3])}{', …' * (len(table.symbols) > 3)}"
    first, last = (datetime.fromtimestamp(int(table.time_us[rows].take(n)) / 1e6, UTC) for n in _ends(table, rows))
    return ModelBacktest(traded, title, part, len(rows), first, last, tuple(notes), table)


def _ends(table: Table, rows: npt.NDArray[np.int64]) -> tuple[int, int]:
    return int(np.argmin(table.time_us[rows])), int(np.argmax(table.time_us[rows]))


def _traded(side: Sides, rows: npt.NDArray[np.int64], market: Market, config: ExperimentConfig) -> Backtest:
    hold, spec = config.broker.holding(config.target), config.evaluation
    made = backtest(side, rows, market, config.broker, hold=hold, fee=spec.cost, confidence=spec.confidence)
    if made is None:
        raise NotEnoughRowsError(
            "a backtest takes two rows or more with prices in one gap-free stretch", "give more rows"
        )
    return made


def _kept(
    frame: pl.DataFrame, bundle: Bundle, table: Table
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], int]:
    """Rows of the table, what was predicted there, and how many of the kept rows the table lacks."""
    keys = table.frame.select(SYMBOL, TIME).with_row_index(_ROW)
    placed = frame.join(keys, on=[SYMBOL, TIME], how="inner").sort(_ROW)
    if placed.height < 2:
        raise NotEnoughRowsError(
            f"the rows that the run predicted must be there to be traded; {placed.height} of {frame.height:,} are",
            "name the files that it was trained on: data.paths=FILE",
        )
    columns = list(bundle.spec.prediction_columns(np.empty((0, bundle.spec.num_outputs))))
    predictions = placed.select(columns).to_numpy().astype(np.float64)
    return placed[_ROW].to_numpy().astype(np.int64), predictions, frame.height - placed.height


def _learned_from(bundle: Bundle, table: Table, rows: npt.NDArray[np.int64], frame: pl.DataFrame | None) -> list[str]:
    """A sentence where rows lie in the time that the model was trained or chosen by."""
    if frame is not None and "test" in frame["part"]:
        end = frame.filter(pl.col("part") == "test").select(pl.col(TIME).min()).row(0)[0]
    else:
        end = datetime.fromisoformat(str(bundle.record.provenance["last_time"]))
    early = int((table.frame[TIME].gather(rows) < end).sum())
    if not early:
        return []
    return [
        f"{early:,} of {len(rows):,} rows lie before {end:%Y-%m-%d %H:%M} UTC, in the time that the model was trained "
        "and chosen by: they flatter it."
    ]
