"""Models that read the history of what the target measures, from rows to a bundle: what reads features must not change
what they see, and a bundle must make of new rows what training saw.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from audit_tables import random_walk, small_experiment
from gatewise.bundle import Bundle, scorable
from gatewise.config.schema import ExperimentConfig
from gatewise.config.target_section import TargetSection
from gatewise.data.table import Table
from gatewise.errors import ConfigError, NotEnoughRowsError
from gatewise.evaluation.kinds.base import BaselineRows, Ground
from gatewise.evaluation.kinds.volatility import VolatilityJudge
from gatewise.experiment import Prepared, prepare
from gatewise.fold import label_units, scaled_features
from gatewise.learners.table import train_model
from gatewise.learners.tabular import require_readable
from gatewise.samples import make_samples
from gatewise.targets.history import History, make_history
from gatewise.training.listeners import Listeners

pytestmark = pytest.mark.trains
HORIZON = 3
OF_ALL = 'features.scale_by="all"'


def config_of(model: str, **fields: Any) -> ExperimentConfig:
    target = {"target__kind": "realized_volatility", "target__horizon": HORIZON, "target__volatility_rows": None}
    few = {"features__sets": ["ohlcv"], "training__device": "cpu"}
    return small_experiment(model__name=model, **target | few | fields)


def trained(config: ExperimentConfig, table: Table) -> tuple[Prepared, Bundle]:
    prepared = prepare(config, table)
    rows = prepared.split.train, prepared.split.val
    made = train_model(config, prepared.samples, prepared.fold, *rows, Listeners(()))
    return prepared, Bundle.of(config, prepared.samples, prepared.fold, made.predictor)


@pytest.mark.parametrize("name", ["har", "har_log", "garch"])
def test_a_live_buffer_of_the_rows_needed_gives_the_forecast_and_one_row_less_none(name: str) -> None:
    table = random_walk(700)
    _, bundle = trained(config_of(name), table)
    assert bundle.rows_needed == 22 * HORIZON + 1, "returns reach one row further"
    whole = bundle.predict(table)
    buffer = table.with_frame(table.frame.tail(bundle.rows_needed))
    assert bundle.predict(buffer)["log_volatility"].to_list() == whole["log_volatility"].to_list()[-1:]
    with pytest.raises(NotEnoughRowsError, match=f"a prediction takes {bundle.rows_needed} gap-free rows"):
        bundle.predict(table.with_frame(table.frame.tail(bundle.rows_needed - 1)))


def test_long_windows_of_returns_count_the_row_before_them() -> None:
    table = random_walk(1_000)
    _, bundle = trained(config_of("garch", windows__sequence_length=100), table)
    assert bundle.rows_needed >= 101
    buffer = table.with_frame(table.frame.tail(bundle.rows_needed))
    assert bundle.predict(buffer)["log_volatility"].to_list() == bundle.predict(table)["log_volatility"].to_list()[-1:]


def test_history_is_measured_once_a_table_however_often_it_is_predicted_of(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Table] = []

    def counted(table: Table, target: TargetSection) -> History:
        measured.append(table)
        return make_history(table, target)

    table = random_walk(700)
    prepared, bundle = trained(config_of("har_log"), table)
    samples, test = prepared.samples, prepared.split.test
    monkeypatch.setattr(scorable, "make_history", counted)
    parts = [bundle.predict_rows(table, samples.matrix, rows) for rows in np.array_split(test, 5)]
    assert np.array_equal(np.concatenate(parts), bundle.predict_rows(table, samples.matrix, test))
    assert [one is table for one in measured] == [True]
    other = table.with_frame(table.frame.with_columns(pl.col("close", "open", "high", "low") ** 1.1))
    assert not np.array_equal(bundle.predict_rows(other, samples.matrix, test), np.concatenate(parts))
    assert measured[1] is other


@pytest.mark.parametrize("name", ["har", "har_log"])
def test_a_baseline_is_the_model_of_its_name_to_the_bit(name: str) -> None:
    prepared, bundle = trained(config_of(name), random_walk(700))
    samples, fold, train, test = prepared.samples, prepared.fold, prepared.split.train, prepared.split.test
    ground = Ground(samples.table, samples.labels, train, label_units(samples, fold))
    judge, x = VolatilityJudge(), (scaled_features(prepared.config, samples, fold, rows) for rows in (train, test))
    fitted = judge.fit_baselines(ground, BaselineRows(train, next(x), 0))
    said = judge.baselines(ground, fitted, test, next(x))
    assert np.array_equal(said[name], bundle.predict_rows(samples.table, samples.matrix, test))


def test_it_is_a_member_among_models_of_windows() -> None:
    table = random_walk(700)
    small = {
        "model__base_models": "gru,last_row:har_log",
        "model__sizes": "tiny",
        "training__max_epochs": 1,
        "training__batch_size": 64,
    }
    _, bundle = trained(config_of("voting", **small), table)
    assert bundle.rows_needed == 22 * HORIZON + 1
    buffer = table.with_frame(table.frame.tail(bundle.rows_needed))
    assert bundle.predict(buffer)["log_volatility"].to_list() == bundle.predict(table)["log_volatility"].to_list()[-1:]


@pytest.mark.parametrize(
    ("model", "symbols", "fields", "reason", "hint"),
    [
        (
            "harq",
            "A",
            {},
            "harq reads a column of realised quarticity; target.quarticity names none",
            "target.quarticity",
        ),
        ("garch", "AB", {}, "garch is fitted to the returns of one symbol; these rows are of 2", "training.per_symbol"),
        ("har", "AB", {"features__scale_by": "symbol"}, "har reads one measure of all symbols", OF_ALL),
        ("har", "AB", {"features__symbol_onehot": True}, "har reads one measure of all symbols", OF_ALL),
    ],
)
def test_what_it_cannot_read_is_refused_before_anything_is_trained(
    model: str, symbols: str, fields: dict[str, Any], reason: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        prepare(config_of(model, **fields), random_walk(700, symbols=symbols))
    assert refused.value.message.startswith(reason)
    assert hint in (refused.value.hint or "")


def test_of_several_symbols_the_rows_of_one_are_enough_for_returns() -> None:
    config, table = config_of("garch"), random_walk(700, symbols="AB")
    samples = make_samples(config, table)
    rows = samples.rows[samples.rows < 700]
    require_readable(config, samples, rows)
    with pytest.raises(ConfigError, match="these rows are of 2"):
        require_readable(config, samples, samples.rows)


def test_returns_take_a_close() -> None:
    table = random_walk(700)
    bare = table.with_frame(table.frame.select("symbol", "time", "volume"))
    fields = {"target__measure": "column", "target__column": "volume", "features__sets": [], "features__history": True}
    with pytest.raises(ConfigError, match="garch reads returns, and these rows have no close"):
        prepare(config_of("garch", **fields), bare)


@pytest.mark.parametrize("kind", ["direction", "forward_return"])
def test_other_targets_are_refused_with_the_one_that_it_takes(kind: str) -> None:
    with pytest.raises(ConfigError) as refused:
        small_experiment(model__name="har", target__kind=kind)
    assert refused.value.hint == 'target.kind="realized_volatility"'


def test_a_second_stage_reads_what_members_say_and_no_history() -> None:
    with pytest.raises(ConfigError, match=r"model\.final must be a model of one row of numbers; har reads history"):
        config_of("stacking", model__base_models="gru,last_row:har_log", model__final="har")
