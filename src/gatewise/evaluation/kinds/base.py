"""What the kind of a prediction decides about judging it: one class a kind; `table.py` has them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from gatewise.broker.market import Sides
from gatewise.data.blocks import block_numbers
from gatewise.data.table import SYMBOL, Table
from gatewise.evaluation.base import Floats, Ints, PredictionScores
from gatewise.evaluation.judge import PartResult
from gatewise.tabular.base import Features, Say, say_nothing
from gatewise.targets.base import Labels
from gatewise.targets.learned import Units

# From predictions on some rows, as the model gives them, to scores.
Scorer = Callable[[Any], PredictionScores]


@dataclass(frozen=True)
class Ground:
    """What every judging of a model stands on.

    Attributes:
        table, labels: aligned.
        train_rows: int64, rows of the table that may be learned from.
        units: that labels are learned in; `None`: their own.
        season: rows after which paths repeat themselves; `None`: see `season_rows`.
    """

    table: Table
    labels: Labels
    train_rows: Ints
    units: Units | None = None
    season: int | None = None

    @cached_property
    def symbol(self) -> Ints:
        """int64 [rows of the table], a number for each symbol, in the order of `table.symbols`."""
        return block_numbers(self.table.frame[SYMBOL])

    def train_rows_of(self, symbol: int) -> Ints:
        """A symbol's own training rows; those of all symbols where it has none."""
        of_symbol = self.train_rows[self.symbol[self.train_rows] == symbol]
        return of_symbol if len(of_symbol) else self.train_rows


@dataclass(frozen=True)
class BaselineRows:
    """What baselines are fitted on.

    Attributes:
        rows: int64, of the table, in order of time.
        x: float32 [rows, features].
        seed: of what is drawn. without: a baseline that is not wanted. say: hears what is fitted next.
    """

    rows: Ints
    x: Features
    seed: int
    without: str = ""
    say: Say = say_nothing


class Judge(Protocol):
    """How predictions of a kind are judged.

    Attributes:
        deciding_metric: a proper score, by which models are compared; lower is better.
        chance: the baselines that know nothing of the features.
    """

    @property
    def deciding_metric(self) -> str: ...
    @property
    def chance(self) -> tuple[str, ...]: ...

    def scorer(self, ground: Ground, rows: Ints) -> Scorer:
        """What scores predictions on `rows`."""

    def kept_scores(self, spec: Any, y: Any, predictions: Floats, symbol: Ints) -> PredictionScores:
        """Scores of predictions that a run kept beside their labels, without its table: several outputs are put
        together in units of their spread on these rows, and directions are told of changes alone.

        Args:
            spec: of the outputs. y: class numbers [n], or [n, outputs]. symbol: int64 [n], a number for each.
        """

    def knowing_nothing(self, ground: Ground, rows: Ints) -> Floats:
        """What training labels alone say of `rows`, [rows, num_outputs]; the reference of folds and of searches."""

    def fit_baselines(self, ground: Ground, learned: BaselineRows) -> Any:
        """Whatever `baselines` needs, fitted once."""

    def baselines(self, ground: Ground, fitted: Any, rows: Ints, x: Features) -> Mapping[str, Any]:
        """Each baseline's predictions on `rows`, as the scorer takes them.

        Args:
            x: float32 [rows, features].
        """

    def references(self, ground: Ground, rows: Ints) -> Mapping[str, Any]:
        """Those of them that take no fitting beside training's labels, but for the prior."""

    def positions(self, table: Table, spec: Any, rows: Ints, predictions: Floats) -> Sides | None:
        """The naive side at each row; `None` where nothing says where a price goes.

        Args:
            spec: of the outputs. predictions: float64 [rows, num_outputs], in their own units.
        """

    def details(
        self, ground: Ground, rows: Ints, predictions: Floats, scores: Mapping[str, Any], result: PartResult
    ) -> Mapping[str, Any]:
        """Further fields of `PartResult`.

        Args:
            scores: by the scorer, of `model` and of each baseline.
            result: of these predictions, without them.
        """

    def outside(self, ground: Ground, rows: Ints) -> Mapping[str, float]:
        """{output: share of `rows` whose label lies outside of what training showed}, where columns are continued."""

    def symbol_scale(self, ground: Ground, symbol: int) -> Floats | None:
        """The unit in which a symbol's own outputs are put together; `None`: there is no such unit.

        Args:
            symbol: its number, see `Ground.symbol`.
        """
