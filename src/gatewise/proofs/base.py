"""What an audit is made of: the parts under audit, the data they are audited on, and what each check found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.bundle import Bundle
from gatewise.config.cv_section import CvSection
from gatewise.config.schema import (
    ExperimentConfig,
    FeatureConfig,
    SplitConfig,
    TargetSection,
    TrainingConfig,
)
from gatewise.config.training_section import ConstantConfig
from gatewise.data.table import SYMBOL, Table
from gatewise.evaluation.kinds.base import BaselineRows, Ground
from gatewise.evaluation.kinds.table import judge_of
from gatewise.features.base import FeatureMatrix
from gatewise.features.build import build_features
from gatewise.fold import FittedFold, fit_fold
from gatewise.jobs.online import Update, update_standing
from gatewise.learners.base import Trained
from gatewise.learners.levels import inner_folds
from gatewise.learners.table import train_model
from gatewise.samples import Samples, make_samples
from gatewise.splits.base import Rows, Spans, Split
from gatewise.splits.chronological import chronological_split
from gatewise.splits.folds import FoldSplit, make_folds
from gatewise.splits.stretches import Stretch, settled
from gatewise.tabular.base import Features
from gatewise.targets.base import Labels
from gatewise.targets.history import History, make_history
from gatewise.targets.make import make_labels
from gatewise.training.listeners import Listener

# One epoch: there is no best one to choose, so nothing is selected on the judged samples.
SHORT_TRAINING = TrainingConfig(
    batch_size=64,
    max_epochs=1,
    learning_rate=3e-3,
    schedule=ConstantConfig(),
    device="cpu",
    precision="fp32",
)


@dataclass(frozen=True)
class Check:
    """One line of the audit: what was checked, whether it held, and what was covered or who offended."""

    name: str
    passed: bool
    detail: str


def fit_and_predict(ground: Ground, learned: BaselineRows, rows: Rows, x: Features) -> Mapping[str, Any]:
    """What baselines that are fitted on some rows say of `rows`, whose features are x; see `Judge.baselines`."""
    judge = judge_of(ground.labels)
    return judge.baselines(ground, judge.fit_baselines(ground, learned), rows, x)


@dataclass(frozen=True)
class Parts:
    """The functions under audit: those that training uses, unless told otherwise.

    The audit calls nothing else, so a part that leaks is caught wherever the leak sits in it.
    """

    build_features: Callable[[Table, FeatureConfig], FeatureMatrix] = build_features
    make_labels: Callable[[Table, TargetSection], Labels] = make_labels
    make_history: Callable[[Table, TargetSection], History] = make_history
    split: Callable[[Spans, SplitConfig, timedelta, float], Split] = chronological_split
    make_folds: Callable[[Spans, CvSection, SplitConfig, timedelta], Sequence[FoldSplit]] = make_folds
    fit_fold: Callable[[ExperimentConfig, Samples, Rows], FittedFold] = fit_fold
    inner_folds: Callable[[ExperimentConfig, Samples, Rows], Sequence[FoldSplit]] = inner_folds
    train: Callable[[ExperimentConfig, Samples, FittedFold, Rows, Rows, Listener], Trained] = train_model
    predict: Callable[[Bundle, Table, Rows], pl.DataFrame] = Bundle.predict
    baselines: Callable[[Ground, BaselineRows, Rows, Features], Mapping[str, Any]] = fit_and_predict
    settled: Callable[[Spans, Stretch, int], npt.NDArray[np.bool_]] = settled
    update: Update = update_standing

    def make_samples(self, config: ExperimentConfig, table: Table) -> Samples:
        """The samples that training would see, made with these parts."""
        return make_samples(config, table, self.build_features, self.make_labels)


@dataclass(frozen=True)
class Case:
    """What is audited.

    Attributes:
        config, table: a whole experiment and its data.
        samples, split: made from the whole table, as training makes them.
        chunk: a stretch of the table, all of it where it is small: the checks that build features again and again
            under corruption use it.
        seed: of cut points, corruptions and permutations; the same seed, the same audit.
    """

    config: ExperimentConfig
    table: Table
    samples: Samples
    split: Split
    chunk: Table
    parts: Parts
    seed: int

    def rng(self, name: str) -> np.random.Generator:
        """A stream of its own for each check, whichever of them run."""
        return np.random.default_rng([self.seed, *map(ord, name)])


def moment(time_us: int) -> str:
    """`2024-01-01 00:17:00`, UTC."""
    return str(np.datetime64(int(time_us), "us").astype("datetime64[s]")).replace("T", " ")


def name_row(table: Table, row: int) -> str:
    """`BTC 2024-01-01 00:17:00`: what people know a row by, in a chunk as in the whole table."""
    return f"{table.frame[SYMBOL][int(row)]} {moment(table.time_us[row])}"


def describe_cover(table: Table) -> str:
    """How many rows of which symbols over which time."""
    first, last = moment(table.time_us.min()), moment(table.time_us.max())
    return f"{table.num_rows:,} rows ({some(list(table.symbols), 3)}, {first} to {last})"


def some(names: list[str], most: int = 5) -> str:
    """The first few names, and how many more."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def take_chunk(table: Table, rows: Rows, num_rows: int, rng: np.random.Generator) -> Table:
    """About `num_rows` consecutive rows around a random one of `rows`, of at most four symbols, at the same moments."""
    if table.num_rows <= num_rows:
        return table
    name = table.frame[SYMBOL].to_numpy()
    centre = int(rng.choice(rows))
    others = [symbol for symbol in table.symbols if symbol != name[centre]]
    chosen = [name[centre], *rng.permutation(others)[:3]] if others else [name[centre]]
    of_chosen = np.isin(name, chosen)
    moments = np.sort(table.time_us[of_chosen])
    begin = int(np.searchsorted(moments, table.time_us[centre])) - num_rows // 2
    begin = max(0, min(begin, moments.size - num_rows))
    last = moments[min(begin + num_rows, moments.size) - 1]
    inside = of_chosen & (table.time_us >= moments[begin]) & (table.time_us <= last)
    return table.with_frame(table.frame.filter(inside))


def same_bits(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Elementwise equality of floats of one dtype that tells +0 from -0 and knows NaN."""
    bits = np.dtype(f"u{one.dtype.itemsize}")
    return np.asarray(np.ascontiguousarray(one).view(bits) == np.ascontiguousarray(other).view(bits))


def small_config(config: ExperimentConfig, seed: int, num_train: int) -> ExperimentConfig:
    """The experiment with a small model and a short training, scored at the last step; all else as it is."""
    batch = min(SHORT_TRAINING.batch_size, num_train)
    return config.model_copy(
        update={
            "model": config.model.model_copy(update=config.model.sized(config.model.tiny)),
            "training": SHORT_TRAINING.model_copy(update={"seed": seed, "batch_size": batch}),
            "windows": config.windows.model_copy(update={"supervise": "last", "burn_in": 0, "stride": 1}),
        }
    )
