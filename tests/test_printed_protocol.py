"""The protocol of printed long-horizon tables, through the presets that carry it.

Repeat-last has no parameters, so its error is a fact of the protocol alone: which windows are test, what they are
standardised by, how the rows are read. A slip in any of these moves it, and would move a model's row as silently.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from gatewise.config.load import load_config
from gatewise.data.load import load_table
from gatewise.evaluation.kinds.base import Ground
from gatewise.evaluation.kinds.sequences import SequencesJudge
from gatewise.evaluation.season import random_walk
from gatewise.fold import fit_fold, label_units
from gatewise.samples import make_samples
from gatewise.splits.base import Split
from gatewise.splits.chronological import chronological_split

ETTH1 = {96: 1.295, 192: 1.325, 336: 1.323, 720: 1.339}  # MSE, as printed
EXCHANGE = {96: (0.0811, 0.1964), 192: (0.1671, 0.2887), 336: (0.3057, 0.3978), 720: (0.8101, 0.6764)}  # all windows


def repeat_last(preset: str, file: Path, steps: int) -> tuple[Split, dict[str, float]]:
    """The split of a preset and what repeating the last value scores on its test part, by metrics' names."""
    config = load_config(preset=preset, overrides={"data.paths": [str(file)], "target.steps": steps})
    table = load_table(config.data)
    samples = make_samples(config, table)
    split = chronological_split(samples.spans, config.split, table.timeframe)
    fold = fit_fold(config, samples, split.train)
    ground = Ground(table, samples.labels, split.train, label_units(samples, fold))
    scores = SequencesJudge().scorer(ground, split.test)(lambda here: random_walk(samples.labels, split.test[here]))
    sums = scores.metrics(scores.contributions.sum(axis=0))
    return split, {name: float(value) for name, value in sums.items()}


@pytest.mark.parametrize("steps", ETTH1)
def test_repeat_last_on_etth1_is_what_tables_print(steps: int, shared_data: Path) -> None:
    split, metrics = repeat_last("etth1", shared_data / "ett" / "ETTh1.csv", steps)
    assert metrics["mse"] == pytest.approx(ETTH1[steps], rel=0.01)
    assert (split.train.size, split.val.size, split.test.size) == (8_545 - steps, 2_881 - steps, 2_881 - steps)


@pytest.mark.parametrize("steps", EXCHANGE)
def test_repeat_last_on_exchange_rates_is_that_of_all_windows_to_the_last_digit(steps: int, shared_data: Path) -> None:
    split, metrics = repeat_last("exchange_rate", shared_data / "exchange_rate" / "exchange_rate.txt.gz", steps)
    assert (round(metrics["mse"], 4), round(metrics["mae"], 4)) == EXCHANGE[steps]
    assert split.test.size == 1_518 - steps


def test_ettm1_has_four_times_the_rows_in_each_part(shared_data: Path) -> None:
    split, _ = repeat_last("ettm1", shared_data / "ett" / "ETTm1.csv.gz", 96)
    assert (split.train.size, split.val.size, split.test.size) == (34_369, 11_425, 11_425)


@pytest.mark.parametrize("steps", [96, 336])
def test_the_protocol_by_plain_arithmetic_on_generated_rows(steps: int, tmp_path: Path) -> None:
    walk = np.random.default_rng(0).normal(size=(14_500, 7)).cumsum(axis=0)
    names = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]
    hours = pl.datetime_range(pl.datetime(2016, 7, 1), pl.datetime(2018, 12, 31), "1h", eager=True)[: len(walk)]
    pl.DataFrame(walk, names).insert_column(0, hours.alias("date")).write_csv(tmp_path / "ETTh1.csv")
    split, metrics = repeat_last("etth1", tmp_path / "ETTh1.csv", steps)
    scaled: npt.NDArray[np.float64] = (walk - walk[:8_640].mean(axis=0)) / walk[:8_640].std(axis=0)
    origins = np.arange(11_519, 14_400 - steps)  # labels from row 11,520 to row 14,399
    errors = np.stack([scaled[origins + ahead] - scaled[origins] for ahead in range(1, steps + 1)])
    assert split.test.tolist() == origins.tolist()
    assert metrics["mse"] == pytest.approx(np.square(errors).mean(), rel=1e-5)
    assert metrics["mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-5)
