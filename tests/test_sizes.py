"""Which sizes are remarked on: those that are far off by any account, and none that gatewise itself comes with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audit_tables import MINUTE, random_walk
from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import Table
from gatewise.experiment import prepare
from gatewise.learners.neural import build
from gatewise.learners.sizes import size_remarks
from gatewise.samples import make_samples
from symbol_worlds import config_of

EXAMPLES = Path(__file__).parents[1] / "examples"
TABLE = random_walk(800)
SMALL: dict[str, Any] = {"features__columns": ["close", "volume"], "windows__sequence_length": 10}


def remarks(num_train: int = 560, **fields: Any) -> list[str]:
    config = config_of(**SMALL | fields)
    return list(size_remarks(config, make_samples(config, TABLE), num_train))


def test_sizes_that_fit_are_not_remarked_on() -> None:
    assert remarks() == []


def test_512_units_on_800_rows_are_and_the_advice_is_not() -> None:
    (remark,) = remarks(model__hidden_size=512, model__num_layers=2)
    assert "560 training labels" in remark
    assert remark.endswith("model.hidden_size=64")
    assert remarks(model__hidden_size=64, model__num_layers=2) == []


def test_the_weights_that_are_named_are_those_of_the_network() -> None:
    config = config_of(**SMALL | {"model__hidden_size": 512})
    samples = make_samples(config, TABLE)
    weights = sum(parameter.numel() for parameter in build(config, samples).parameters())
    (remark,) = size_remarks(config, samples, 300)
    assert f"{weights:,} weights" in remark


def test_labels_that_overlap_count_less() -> None:
    assert remarks(model__hidden_size=128, target__horizon=1) == []
    (remark,) = remarks(model__hidden_size=128, target__horizon=20)
    assert "28 training labels" in remark


def test_windows_beyond_a_receptive_field() -> None:
    tcn = {"model__name": "tcn", "model__channels": 8, "model__num_layers": 2, "model__kernel_size": 2}
    (remark,) = remarks(**tcn)
    assert remark == "Of a window's 10 rows tcn reads the last 7: windows.sequence_length=7, or more layers"
    assert remarks(**tcn | {"windows__sequence_length": 7}) == []
    assert remarks(**tcn | {"model__input_patch": 2}) == []


def test_three_layers_on_300_rows() -> None:
    assert remarks(210, model__num_layers=3) == ["3 layers are many for 210 training windows: model.num_layers=2"]
    assert remarks(210, model__num_layers=2) == []


def test_windows_longer_than_a_tenth_of_the_part() -> None:
    (remark,) = remarks(windows__sequence_length=57)
    assert remark.endswith("windows.sequence_length=56")
    assert remarks(windows__sequence_length=56) == []


def test_a_batch_near_the_whole_part() -> None:
    (remark,) = remarks(training__batch_size=281)
    assert remark == "A batch of 281 is large for 560 training windows, one step an epoch: training.batch_size=35"
    assert remarks(training__batch_size=280) == []
    assert remarks(training__batch_size=560, training__auto_batch_size=True) == []


def test_models_of_one_row_have_no_size() -> None:
    config = load_config(overrides={"model.name": "logistic", "features.sets": [], "features.columns": ["close"]})
    assert size_remarks(config, make_samples(config, TABLE), 10) == ()


# ---- what comes along is quiet


def daily(years: int) -> Table:
    table = random_walk(252 * years)
    return Table(table.frame.with_columns(sma_value=table.frame["close"]), MINUTE, MINUTE)


def of_example(name: str) -> ExperimentConfig:
    file = EXAMPLES / "ticker" / f"{name}.json"
    return load_config(file, overrides={"target.columns": json.loads(file.read_text())["f_cols"][:1]})


@pytest.mark.parametrize("name", ["minimal", "standard", "high-capacity", "conservative", "fast"])
def test_ticker_files_are_quiet_on_ten_years_of_days(name: str) -> None:
    config = of_example(name)
    samples = make_samples(config, daily(10))
    assert size_remarks(config, samples, int(len(samples.rows) * config.split.train)) == ()


@pytest.mark.parametrize("example", ["sp500.yaml", "python"])
def test_the_demo_and_the_pages_example_are_quiet(example: str) -> None:
    in_python = {"data.source": "sp500", "target.horizon": 5, "training.batch_size": 128}
    config = load_config(overrides=in_python) if example == "python" else load_config(EXAMPLES / example)
    assert prepare(config).remarks == ()


@pytest.mark.parametrize("model", ["lstm", "gru"])
def test_presets_are_quiet_on_a_year_of_minutes(model: str) -> None:
    config = load_config(overrides={"model.name": model})
    samples = make_samples(config, random_walk(2_000))
    assert size_remarks(config, samples, 360_000) == ()


def test_a_run_says_it_before_it_trains_and_in_its_answer(cli: Any, tmp_path: Path) -> None:
    random_walk(800).frame.write_csv(tmp_path / "rows.csv")
    words = ("--model", "lstm", "--hidden-size", "512", "--seq-len", "4", "--batch-size", "32", "--max-epochs", "1")
    columns = ("--set", "features.sets=[]", "--set", "features.columns=[close]", "--target", "direction")
    value = cli("train", "--data", tmp_path / "rows.csv", "--stamp", "close", *words, *columns, "--quiet", "--json")
    assert value.code == 0
    (remark,) = value.json["remarks"]
    assert "--hidden-size 16" in remark, "the horizon is 20 rows"
    assert "The model is large" in value.err
    assert np.isfinite(value.json["metrics"]["val"]["log_loss"]["value"])
