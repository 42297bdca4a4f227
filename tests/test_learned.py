"""Columns of the next row that are learned as changes: what is handed back is the column, and nothing ahead is read.

A change added to another row's value, or one scaled twice, still gives numbers near the price; here each has a truth
that is known without the code.
"""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.bundle import Bundle
from gatewise.bundle.state import from_json, to_json
from gatewise.bundle.upgrades import upgraded
from gatewise.config.target_section import TargetConfig
from gatewise.data.table import SYMBOL, TIME, Table
from gatewise.errors import NotEnoughRowsError
from gatewise.experiment import prepare
from gatewise.features.scaling import fit_symbol_scalers
from gatewise.fold import FittedFold, fit_fold, label_units, trained_labels, trained_series
from gatewise.jobs.shared import SharedData, make_shared
from gatewise.learners.neural import NeuralPredictor, build
from gatewise.learners.table import train_model
from gatewise.samples import Samples, make_samples
from gatewise.targets.learned import Units, least_present, moved, restored
from gatewise.targets.make import make_labels
from gatewise.targets.outputs.quantiles import Quantiles
from gatewise.training.listeners import Listeners
from symbol_worlds import config_of

DAY = timedelta(days=1)
ROWS = 300
FORMS = ("changes", "relative")


def table_of(columns: dict[str, Any], symbols: tuple[str, ...] = ("A",)) -> Table:
    count = len(next(iter(columns.values()))) // len(symbols)
    days = [datetime(2020, 1, 1, tzinfo=UTC) + day * DAY for day in range(count)]
    times = pl.Series(TIME, days * len(symbols), dtype=pl.Datetime("us", "UTC"))
    names = np.repeat(symbols, count)
    return Table(pl.DataFrame({SYMBOL: names, TIME: times, **columns}), DAY, DAY)


def walk(seed: int, level: float = 100.0, rows: int = ROWS) -> np.ndarray[Any, Any]:
    return level * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.02, rows)))


def config(**fields: Any) -> Any:
    given = {
        "features__columns": ["close", "volume"],
        "features__columns_as": "changes",
        "target__kind": "next_row",
        "target__columns": ["close", "volume"],
        "target__learn": "relative",
        "target__horizon": 1,
    }
    return config_of(**given | fields)


def untrained(chosen: Any, table: Table) -> tuple[Bundle, Samples, FittedFold]:
    """A bundle with initial weights: what is added to what does not depend on how good they are."""
    samples = make_samples(chosen, table)
    fold = fit_fold(chosen, samples, samples.rows[:150])
    predictor = NeuralPredictor(build(chosen, samples), samples.labels.spec, fold.floor)
    return Bundle.of(chosen, samples, fold, predictor), samples, fold


@given(
    st.sampled_from(FORMS),
    st.lists(st.tuples(st.floats(1e-3, 1e9), st.floats(1e-3, 1e9)), min_size=1, max_size=20),
)
def test_what_is_taken_off_is_added_back(form: str, pairs: list[tuple[float, float]]) -> None:
    y, start = (np.array(side)[:, None] for side in zip(*pairs, strict=True))
    least = least_present(TargetConfig(kind="next_row", learn=form), start)
    np.testing.assert_allclose(restored(moved(y, start, least), start, least), y, rtol=1e-9, atol=1e-9 * start.max())
    np.testing.assert_array_equal(restored(np.zeros_like(y), start, least), start, "no change is the last value")


def test_the_two_forms_by_hand() -> None:
    y, start = np.array([[110.0, 3.0]]), np.array([[100.0, -1.0]])
    assert moved(y, start, (50.0, 0.0)).tolist() == [[pytest.approx(0.1), 4.0]]
    assert moved(y, None, ()) is y
    gone = np.array([[0.0], [-3.0], [1e-9], [0.5]])
    np.testing.assert_allclose(moved(gone + 1, gone, (4.0,)), [[0.25], [0.25], [0.25], [2.0]])
    np.testing.assert_allclose(restored(moved(gone + 1, gone, (4.0,)), gone, (4.0,)), gone + 1)


def test_units_go_there_and_back_with_quantiles_and_a_scaler_a_symbol() -> None:
    rng = np.random.default_rng(0)
    start, codes = rng.uniform(1, 1e6, (100, 2)), np.repeat(np.array([0, 1], np.int32), 50)
    y = start * np.exp(rng.normal(0, 0.02, (100, 2)))
    spec, least = Quantiles(("a", "b"), (0.25, 0.75), starts=("a", "b")), (1.0, 0.0)
    scaler = fit_symbol_scalers("standard", moved(y, start, least), np.arange(100), ("a", "b"), codes, ("X", "Y"))
    units, rows = Units(spec, scaler, codes, start, least), np.array([3, 70, 51])
    scaled = units.scale(y[rows], rows)
    assert np.abs(scaled).max() < 5
    np.testing.assert_allclose(units.unscale(np.repeat(scaled, 2, axis=1), rows), np.repeat(y[rows], 2, axis=1))


@pytest.mark.parametrize("form", FORMS)
def test_labels_stay_in_the_columns_own_unit_and_start_at_their_own_row(form: str) -> None:
    close = walk(0)
    target = {"kind": "next_row", "columns": ("close",), "horizons": (1, 5)}
    plain, labels = (
        make_labels(table_of({"close": close}), TargetConfig(**target, learn=way)) for way in ("levels", form)
    )
    np.testing.assert_array_equal(plain.y, labels.y)
    np.testing.assert_array_equal(plain.known_at, labels.known_at)
    rows = np.flatnonzero(labels.valid)
    ahead = np.stack([close[rows + 1], close[rows + 5]], axis=1)
    unit = close[rows, None] if form == "relative" else 1.0
    assert labels.start is not None
    least = least_present(TargetConfig(**target, learn=form), labels.start[rows])
    learned = moved(labels.y, labels.start, least)
    np.testing.assert_allclose(learned[rows], (ahead - close[rows, None]) / unit, rtol=1e-12)


def test_columns_that_are_not_always_positive_in_training_have_plain_changes() -> None:
    volume = np.where(np.arange(ROWS) % 7 == 0, 0.0, 50.0) + np.arange(ROWS)
    volume[:70:7] = 0
    columns = {"close": walk(0), "volume": volume, "spread": np.random.default_rng(1).normal(size=ROWS)}
    chosen = config(features__columns=["close"], target__columns=list(columns))
    _, samples, fold = untrained(chosen, table_of(columns))
    assert fold.least == (columns["close"][samples.rows[:150]].min(), 0, 0)
    assert np.isfinite(trained_series(samples, fold)).all()


@pytest.mark.parametrize("form", FORMS)
def test_a_column_that_turns_to_nothing_or_below_after_training_changes_nothing_that_is_trained(form: str) -> None:
    """The form of a column must be chosen as on the day of training, when nobody knew."""
    chosen = config(target__learn=form, training__max_epochs=3)
    close, volume = walk(0, 40.0), walk(1, 1e6)
    sunk, none = close.copy(), volume.copy()
    sunk[-40:] -= sunk[-40:].max() + 5
    none[-40::3] = 0
    assert config().split.test * ROWS > 42, "all of it lies in the test part"
    found = []
    for columns in ({"close": close, "volume": volume}, {"close": sunk, "volume": none}):
        ready = prepare(chosen, table_of(columns))
        trained = train_model(chosen, ready.samples, ready.fold, ready.split.train, ready.split.val, Listeners(()))
        bundle = Bundle.of(chosen, ready.samples, ready.fold, trained.predictor)
        found.append((ready, trained, bundle, bundle.predict(table_of(columns))))
    (one, before, plain, _), (other, after, turned, predicted) = found
    assert one.fold.least == other.fold.least
    assert (min(one.fold.least) > 0) is (form == "relative")
    assert before.fit.best_epoch == after.fit.best_epoch
    for name, weight in before.predictor.tensors().items():
        np.testing.assert_array_equal(weight, after.predictor.tensors()[name])
    assert plain.record.least == turned.record.least
    for name, last in (("close", sunk), ("volume", none)):
        moves = predicted[name].to_numpy() - last[-len(predicted) :]
        assert np.isfinite(moves).all()
        assert np.abs(moves).max() < (0.1 * walk(0, 40.0).max() if name == "close" else 0.1 * volume.max())


def test_each_fold_chooses_by_its_own_training_rows() -> None:
    volume = walk(1, 1e6)
    volume[200:210] = 0
    table, chosen = table_of({"close": walk(0), "volume": volume}), config()
    samples = make_samples(chosen, table)
    early, late = (fit_fold(chosen, samples, samples.rows[samples.rows < end]) for end in (150, 250))
    assert early.least[1] > 0
    assert late.least[1] == 0


def test_labels_travel_to_other_processes_with_all_that_is_learned_of_them() -> None:
    chosen = config(cv__n_splits=2, target__horizon=2, target__horizons=[1, 2])
    shared = make_shared([chosen], table_of({"close": walk(0), "volume": walk(1)}))
    arrays, meta = shared.to_arrays()
    there = SharedData.from_arrays(arrays, json.loads(json.dumps(meta)))
    ours, theirs = (one.horizons[2].labels for one in (shared, there))
    for field in fields(ours):
        # One is exchanged by a proof, in its own process; the other's travels are in test_volatility_runs.py.
        if field.name in ("after", "history"):
            continue
        here, got = getattr(ours, field.name), getattr(theirs, field.name)
        assert here is not None, f"{field.name} is tried"
        np.testing.assert_array_equal(got, here, field.name) if isinstance(here, np.ndarray) else None
        assert isinstance(here, np.ndarray) or got == here


def test_the_scaler_is_that_of_the_training_changes() -> None:
    _, samples, fold = untrained(config(), table_of({"close": walk(0), "volume": walk(1, 1e6)}))
    scaled = trained_labels(samples, fold, samples.rows[:150])
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.floats(1e-4, 1e4), st.floats(1e-4, 1e4))
def test_of_relative_changes_a_price_in_other_units_is_predicted_as_the_same_in_those(a: float, b: float) -> None:
    close, volume = walk(0), walk(1, 1e6)
    bundle, *_ = untrained(config(), table_of({"close": close, "volume": volume}))
    plain, other = (
        bundle.predict(table_of({"close": close * x, "volume": volume * y})) for x, y in ((1.0, 1.0), (a, b))
    )
    np.testing.assert_allclose(other["close"], plain["close"] * a, rtol=1e-5)
    np.testing.assert_allclose(other["volume"], plain["volume"] * b, rtol=1e-5)


def test_a_bundle_predicts_what_units_of_the_training_say_and_keeps_the_form(tmp_path: Path) -> None:
    table = table_of({"close": walk(0), "volume": np.maximum(walk(1) - 90, 0)})
    bundle, samples, fold = untrained(config(), table)
    assert bundle.record.least[0] > 0
    assert bundle.record.least[1] == 0
    bundle.save(tmp_path / "bundle")
    loaded = Bundle.load(tmp_path / "bundle")
    positive = table.with_frame(table.frame.with_columns(volume=pl.col("volume") + 1))
    assert loaded.record.least == bundle.record.least, "another table's signs change nothing"
    assert np.isfinite(loaded.predict(positive)["volume"].to_numpy()).all()
    units = label_units(samples, fold)
    assert units is not None
    learned = units.scale(bundle.predict_rows(table, samples.matrix, samples.rows), samples.rows)
    assert np.abs(learned).max() < 3, "initial weights say little, so predictions stay near the present values"


def test_where_the_present_value_is_missing_nothing_is_predicted() -> None:
    close, load = walk(0), walk(2)
    chosen = config(features__columns=["close"], target__columns=["load"])
    bundle, *_ = untrained(chosen, table_of({"close": close, "load": load}))
    assert bundle.required_columns == ("close", "load")
    holes = pl.Series(load).set(pl.Series(np.arange(ROWS) % 10 == 5), None)
    table = table_of({"close": close, "load": holes})
    predicted = bundle.predict(table)
    assert predicted.height == int((holes[bundle.rows_needed - 1 :]).is_not_null().sum())
    assert predicted["load"].is_finite().all()
    with pytest.raises(NotEnoughRowsError, match="present values"):
        bundle.predict(table_of({"close": close[:40], "load": pl.Series([1.0] + [None] * 39)}))


def test_a_bundle_of_before_goes_on_predicting_levels() -> None:
    chosen = config(target__learn="levels", features__columns_as="levels")
    bundle, *_ = untrained(chosen, table := table_of({"close": walk(0), "volume": walk(1)}))
    values = json.loads(json.dumps(to_json(bundle.record)))
    for section, name in (("target", "learn"), ("features", "columns_as")):
        del values["config"][section][name]
    del values["least"]
    from gatewise.bundle.state import schema_hash

    values |= {"format": "gatewise-bundle/2", "schema_hash": schema_hash(values, False)}
    record = from_json(upgraded(values), bundle.record.weights, bundle.record.model_state)
    assert Bundle(record).predict(table).equals(bundle.predict(table))


def test_symbols_trained_as_one_matrix_learn_each_its_own_changes() -> None:
    from gatewise.group.fleet import _over_one_matrix

    chosen = config(split__embargo_rows=0)
    tables = {
        "A": table_of({"close": walk(0), "volume": walk(1)}),
        "B": table_of({"close": walk(2, 5.0), "volume": np.maximum(walk(3) - 90, 0)}, ("B",)),
    }
    ready = {name: prepare(chosen, table) for name, table in tables.items()}
    members, _ = _over_one_matrix(ready)
    first = 0
    for member, alone in zip(members, ready.values(), strict=True):
        ours, theirs = (trained_series(one.samples, one.fold) for one in (member, alone))
        np.testing.assert_array_equal(ours[first : first + len(theirs)], theirs)
        first += len(theirs)


def test_the_present_value_is_that_of_the_row_whatever_comes_later() -> None:
    table = table_of({"close": walk(0), "volume": walk(1)})
    target = TargetConfig(kind="next_row", horizon=1, learn="relative")
    labels, early = (make_labels(table.with_frame(table.frame[:count]), target) for count in (ROWS, 200))
    assert labels.start is not None
    assert early.start is not None
    np.testing.assert_array_equal(early.start, labels.start[:200])
    np.testing.assert_array_equal(labels.start[:, 0], table.frame["close"].to_numpy())
