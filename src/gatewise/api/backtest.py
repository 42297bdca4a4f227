"""`gatewise.backtest`: what trading a model makes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gatewise.api.call import are_texts
from gatewise.api.data import given
from gatewise.api.fit import load
from gatewise.api.model import Model
from gatewise.api.settings import read_settings
from gatewise.api.summary import Result, Summary
from gatewise.config.flags import BROKER_FLAGS
from gatewise.evaluation.trading import Backtest
from gatewise.files import write_text
from gatewise.registry.backtest import ModelBacktest, backtest_model
from gatewise.report.backtest import named_figures


class BacktestResult(Result):
    """An account with its figures; prints as a table."""

    def __init__(self, made: ModelBacktest) -> None:
        self._made = made

    @property
    def backtest(self) -> Backtest:
        """The account and its Sharpe ratios."""
        return self._made.backtest

    @property
    def trades(self) -> pl.DataFrame:
        """A row a trade; see docs/backtest.md."""
        return self._made.trades

    @property
    def steps(self) -> pl.DataFrame:
        """A row a step: what it made, what it cost, the curves."""
        return self._made.steps

    def to_dict(self) -> Mapping[str, Any]:
        """What `gatewise backtest --json` says (docs/machine-interface.md), without the places of files."""
        return self._made.to_dict()

    def save(self, path: str | Path) -> Path:
        """Writes the page.

        Raises:
            StorageError: the place can't be written.
        """
        place = Path(path).expanduser()
        write_text(place, self._made.page)
        return place

    @property
    def summary(self) -> Summary:
        lines = [[name, value] for name, value in named_figures(self.backtest).items()]
        return Summary(self._made.title, "open", self._made.caption, [""], lines, self._made.notes)


def backtest(
    model: Model | str | Path,
    data: Any = None,
    *,
    cost: float | None = None,
    slippage: float | None = None,
    fill: str | None = None,
    hold: int | None = None,
    sides: str | None = None,
    size: float | None = None,
    max_position: float | None = None,
    device: str = "auto",
    settings: Mapping[str, Any] | None = None,
    **said: Any,
) -> BacktestResult:
    """Trades a model's predictions and says what is left (docs/backtest.md).

    Args:
        model: as `fit` gives it; or what names one: a run's id or name, a folder, NAME@champion.
        data: rows as `Model.predict` takes them; `None`: those that the model's run names. Of what it was trained on
            the test rows are traded, as they were predicted then, of other rows all that can be predicted.
        cost: the fee, one way, a fraction of the price. slippage: beside it, likewise.
        fill: open, of the next row; or close, of the row itself.
        hold: rows that a trade is held. sides: both, or long.
        size: of a trade, in shares of its symbol's capital. max_position: of a symbol, likewise.
        settings, said: how these rows are read where it is otherwise, as `stamp="close"`.

    Raises:
        ArgumentError, RunNotFoundError, BundleError: see `load`.
        ConfigError: a setting; or nothing says where a price goes.
        NotEnoughRowsError, SchemaError: see `Model.predict`.
    """
    are_texts(fill=fill, sides=sides)
    used = model if isinstance(model, Model) else load(model)
    words = {
        "cost": cost, "slippage": slippage, "fill": fill, "hold": hold, "sides": sides, "size": size,
        "max_position": max_position,
    }  # fmt: skip
    changes = {flag.field: words[flag.keyword] for flag in BROKER_FLAGS}
    table = None
    if data is not None or said or settings:
        rows = given(data)
        overrides = read_settings(settings or {}, said, fixed=rows.fixed)
        rows.refuse(overrides)
        table = rows.load(used.bundle.reading(overrides=overrides), used.bundle.only_symbol)
    return BacktestResult(backtest_model(used.bundle, used.folder, table, (), changes, device=device))
