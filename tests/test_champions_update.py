"""An update of a champion is what a cross-validation with updates makes of the same rows, and the history says so.

Else what was validated is not what runs live; and weights that nobody chained can't be gone back from.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from champion_worlds import planted_bundle
from cv_worlds import SMALL, walk
from gatewise.bundle import Bundle, calibrated, with_learned
from gatewise.bundle.learned import learned_by
from gatewise.champions.entry import Draft, Entry
from gatewise.champions.log import Log, open_log
from gatewise.champions.named import champion_address
from gatewise.champions.rollback import FROZEN, rollback
from gatewise.champions.store import Store, known_at_utc, weights_hash
from gatewise.champions.update import load_champion, update_champion, updates_since
from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import OHLCV, Table
from gatewise.errors import BundleError, ChampionChangedError, NotEnoughRowsError, SchemaError
from gatewise.jobs.jobs import make_job
from gatewise.jobs.online import Standing, predict_online
from gatewise.jobs.run import fit_job
from gatewise.jobs.shared import SharedData, make_shared
from gatewise.jobs.update import update_bundle
from gatewise.learners.table import train_model
from gatewise.manifest import read_files
from gatewise.training.listeners import Listeners

pytestmark = pytest.mark.trains

NAME = "btc"
RECIPES: dict[str, dict[str, Any]] = {
    "lstm": {"online.recent": 100, "training.class_weights": "balanced"},
    "logistic": {},
    "logistic, refit": {"online.how": "refit"},
    "lstm, refit": {"online.how": "refit", "online.window": 200},
    "voting": {"model.base_models": ["lstm", "last_row:logistic"]},
}


def config_of(model: str, **overrides: Any) -> ExperimentConfig:
    known = ("model.", "training.") if model == "logistic" else ("model.",) if model == "voting" else ()
    said = {name: value for name, value in SMALL.items() if not name.startswith(known)}
    said |= {"online.every": 10_000, "cv.n_splits": 2, "model.name": model} | overrides
    return load_config(overrides=said)


class World:
    """A fold's model as training left it; its bundle; and the rows that there were before its first test row."""

    def __init__(self, recipe: str) -> None:
        config = config_of(recipe.split(",")[0], **RECIPES[recipe])
        self.shared: SharedData = make_shared([config], walk(400, "AB", seed=3))
        self.config = config
        job = make_job(config, self.shared, 2, config.model.name)
        self.samples, self.fold = self.shared.samples(config), self.shared.fold(job.horizon, job.fold)
        fitted = fit_job(job, self.shared)
        trained = train_model(config, self.samples, fitted, self.fold.train, self.fold.val, Listeners(()))
        # A bundle holds no optimizer's state.
        self.standing = Standing(fitted, _without_optimizer(trained))
        made = Bundle.of(config, self.samples, fitted, trained.predictor)
        made = calibrated(made, self.samples, fitted, self.fold.val)
        self.bundle = with_learned(made, self.samples, fitted, trained, self.fold.train)

    def rows_until(self, time_us: int) -> Table:
        """All that is knowable before then."""
        table = self.shared.table
        return table.with_frame(table.frame.filter(table.time_us < time_us))

    @property
    def first_tested_us(self) -> int:
        return int(self.shared.table.time_us[self.fold.test].min())


def _without_optimizer(trained: Any) -> Any:
    members = tuple(replace(one, trained=_without_optimizer(one.trained)) for one in trained.members)
    return replace(trained, optimizer={}, members=members)


@pytest.fixture(scope="module")
def world() -> World:
    return World("logistic")


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_weights_are_those_of_a_cross_validation_on_the_same_rows(recipe: str, tmp_path: Path) -> None:
    """Through the bundle's folder, with no more rows than there were before the stretch."""
    world = World(recipe)
    config, samples = world.config, world.samples
    state = predict_online(config, samples, samples.spans, world.fold, world.standing)
    assert (state.done, state.updates) == (1, 1)
    world.bundle.save(tmp_path / "bundle")
    made = update_bundle(Bundle.load(tmp_path / "bundle"), world.rows_until(world.first_tested_us))
    assert made is not None
    expected, weights = state.standing.trained.predictor, made.bundle.record.weights
    assert weights.keys() == expected.tensors().keys()
    for name, tensor in expected.tensors().items():
        assert np.array_equal(weights[name].numpy(), tensor.numpy()), name
    assert made.bundle.record.model_state == expected.state()
    assert made.bundle.record.scaler.to_dict() == state.standing.fitted.scaler.to_dict()
    before = world.bundle.record.weights
    assert any(not np.array_equal(weights[name].numpy(), before[name].numpy()) for name in weights)
    rows = world.fold.test
    bundle = made.bundle.predict_rows(samples.table, samples.matrix, rows, "cpu")
    assert np.array_equal(bundle, state.predictions)


def test_labels_that_are_not_settled_move_no_weight(world: World) -> None:
    until = world.first_tested_us
    short = world.rows_until(until)
    made = update_bundle(world.bundle, short)
    assert made is not None
    last_us = world.samples.spans.last_us[np.isin(world.samples.spans.row, world.fold.train)]
    assert learned_by(world.bundle.record).known_us == last_us.max()
    assert last_us.max() < made.learned.known_us <= until - 2 * 60_000_000
    # What has come since the newest label that may be learned from is of no consequence, the embargo's rows among it.
    late = short.time_us > until - 2 * 60_000_000
    assert late.sum() == 2
    garbled = short.frame.with_columns(pl.when(pl.Series(late)).then(pl.col(n) * 3).otherwise(pl.col(n)) for n in OHLCV)
    same = update_bundle(world.bundle, short.with_frame(garbled))
    assert same is not None
    for name, tensor in made.bundle.record.weights.items():
        assert np.array_equal(tensor.numpy(), same.bundle.record.weights[name].numpy())


@pytest.fixture
def champion(world: World, tmp_path: Path) -> tuple[Log, Store]:
    log, store = open_log(f"sqlite:///{tmp_path}/registry.db"), Store(tmp_path / "store")
    world.bundle.save(tmp_path / "promoted")
    address = store.put(tmp_path / "promoted")
    log.append(Draft(name=NAME, action="promote", bundle=address, run_id="3f2a"), None)
    return log, store


def weights_of(store: Store, entry: Entry) -> str | None:
    return weights_hash(read_files(store.bundle(entry.bundle)))


def update(world: World, log: Log, store: Store, rows: Table, **words: Any) -> Any:
    return update_champion(*load_champion(NAME, log, store), rows, log, store, **words)


def test_updates_are_entries_that_chain_and_nothing_new_writes_none(world: World, champion: tuple[Log, Store]) -> None:
    log, store = champion
    promoted = log.require_champion(NAME)
    frozen_us = learned_by(world.bundle.record).known_us
    said = known_at_utc(read_files(store.bundle(promoted.bundle)))
    assert said == datetime.fromtimestamp(frozen_us / 1e6, UTC).isoformat()  # what a promotion writes
    middle, end = world.first_tested_us, int(world.shared.table.time_us.max()) + 1
    first = update(world, log, store, world.rows_until(middle), reason="monday")
    again = update(world, log, store, world.rows_until(middle))
    assert (again.change, again.champion) == (None, log.require_champion(NAME))
    second = update(world, log, store, world.rows_until(end))
    entries = log.entries(NAME)
    assert [entry.action for entry in entries] == ["promote", "update", "update"]
    for before, entry in pairwise(entries):
        assert (entry.previous, entry.fallback, entry.run_id) == (before.bundle, promoted.bundle, "3f2a")
        assert entry.weights_hash == weights_of(store, entry) != weights_of(store, before)
        known = datetime.fromtimestamp(learned_by(Bundle.load(store.bundle(entry.bundle)).record).known_us / 1e6, UTC)
        assert entry.known_at_utc == known.isoformat()
    assert (entries[1].reason, entries[2].known_at_utc > entries[1].known_at_utc) == ("monday", True)
    assert first.new > 0 < second.new
    assert updates_since(entries) == 2
    assert champion_address(f"{NAME}@frozen", log) == promoted.bundle
    assert champion_address(f"{NAME}@previous", log) == entries[1].bundle
    back = rollback(NAME, FROZEN, log=log, store=store)
    assert back.entry.bundle == promoted.bundle
    assert (updates_since(log.entries(NAME)), log.verify()) == (0, ())


def test_rows_that_end_before_what_was_learned_or_of_others_are_refused(
    world: World, champion: tuple[Log, Store], tmp_path: Path
) -> None:
    log, store = champion
    known = learned_by(world.bundle.record).known_us
    with pytest.raises(NotEnoughRowsError, match="has learned until"):
        update(world, log, store, world.rows_until(known))
    rows = world.rows_until(world.first_tested_us)
    with pytest.raises(SchemaError, match="of all that the model was trained on"):
        update(world, log, store, rows.with_frame(rows.frame.filter(rows.frame["symbol"] == "A")))
    old = replace(world.bundle.record, provenance={"rows": 3})
    with pytest.raises(BundleError, match="does not say what it learned from"):
        update_bundle(Bundle(old), rows)
    assert len(log.entries(NAME)) == 1
    assert len(list(store.addresses())) == 1


def test_an_update_that_another_entry_overtook_is_not_written(
    world: World, champion: tuple[Log, Store], tmp_path: Path
) -> None:
    log, store = champion
    present, bundle = load_champion(NAME, log, store)
    other = store.put(planted_bundle(tmp_path / "other", 1))
    log.append(Draft(name=NAME, action="promote", bundle=other), present.bundle)
    with pytest.raises(ChampionChangedError):
        update_champion(present, bundle, world.rows_until(world.first_tested_us), log, store)
    assert log.require_champion(NAME).bundle == other
