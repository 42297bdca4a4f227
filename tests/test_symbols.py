"""Several symbols in one model: scaled each by its own, told apart, judged one by one.

A bug here would be silent: a symbol scaled by another's numbers, or told by another's code, still trains and predicts.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from audit_tables import case_of, random_walk, small_experiment
from cv_worlds import plan_of, run_cv
from fleet_members import largest_difference, recorders
from gatewise.bundle import Bundle
from gatewise.config.load import load_config
from gatewise.config.schema import DataConfig, ExperimentConfig, TargetConfig
from gatewise.data.load import load_table
from gatewise.errors import BundleError, ConfigError, NotEnoughRowsError, SchemaError
from gatewise.evaluation.scoring import knowing_nothing, score, score_symbols
from gatewise.experiment import prepare, run_experiment
from gatewise.features.scaling import Scaler, fit_scaler, fit_symbol_scalers
from gatewise.features.symbols import symbol_codes
from gatewise.fold import FittedFold, fit_fold, make_windows
from gatewise.jobs.fleet_place import FleetCompute
from gatewise.learners.base import Trained
from gatewise.learners.neural_fleet import MemberTask, train_fleet
from gatewise.learners.table import train_model
from gatewise.proofs import run_audit
from gatewise.proofs.base import Parts
from gatewise.proofs.fitting import check_scaler
from gatewise.rows import rows_in_windows
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.targets.make import make_labels
from gatewise.training.fleet.windows import FleetWindows
from gatewise.training.listeners import Listeners
from symbol_worlds import config_of, far_levels, log_loss, only, opposite_signs, trained
from zoo import NETWORKS

CPU = torch.device("cpu")
PEERS = {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}
NEXT_CLOSE = {"target__kind": "next_row", "target__columns": ["close"], "features__columns": ["close", "volume"]}


@pytest.mark.parametrize("kind", PEERS)
def test_a_scaler_a_symbol_maps_each_as_scikit_learns_does_that_saw_it_alone(kind: str) -> None:
    rng = np.random.default_rng(1)
    values = (rng.normal(size=(300, 2)) * np.repeat([1.0, 50.0, 1e4], 100)[:, None] + 7).astype(np.float32)
    codes = np.repeat([2, 0, 1], 100).astype(np.int32)
    rows = np.sort(rng.permutation(300)[:200])
    ours = fit_symbol_scalers(kind, values, rows, ("a", "b"), codes, ("x", "y", "z"))
    assert ours.symbols == ("x", "y", "z")
    exact = values.astype(np.float64)
    for code in range(3):
        own, mine = np.flatnonzero(codes == code), rows[codes[rows] == code]
        expected = PEERS[kind]().fit(exact[mine]).transform(exact[own])
        np.testing.assert_allclose(ours.transform(exact[own], codes[own], np.float64), expected, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(ours.inverse(ours.transform(exact, codes, np.float64), codes), exact, rtol=1e-12)
    again = Scaler.from_dict(json.loads(json.dumps(ours.to_dict())))
    assert again.to_dict() == ours.to_dict()


def test_a_scaler_written_before_there_were_symbols_is_read_and_a_table_of_another_shape_refused() -> None:
    values = np.arange(8, dtype=np.float32).reshape(4, 2)
    state = fit_scaler("standard", values, np.arange(4), ("a", "b")).to_dict()
    del state["symbols"]
    assert Scaler.from_dict(state).symbols == ()
    with pytest.raises(BundleError, match="one finite center"):
        Scaler.from_dict(state | {"symbols": ["x"]})


@pytest.mark.parametrize("clip", [None, 1.5])
def test_windows_are_scaled_by_their_own_symbols_numbers_and_come_with_its_code(clip) -> None:
    table = far_levels(symbols="BCA")
    config = config_of(**NEXT_CLOSE, features__scale_by="symbol", features__clip=clip, model__symbol_embedding=2)
    prepared = prepare(config, table)
    samples, fold = prepared.samples, prepared.fold
    windows = make_windows(config, samples, fold, CPU)
    rows = samples.rows[::37]
    x, code = (tensor.numpy() for tensor in windows.inputs(torch.from_numpy(rows)))
    seen = rows_in_windows(prepared.split.train, 3, table.num_rows)
    names = table.frame["symbol"].to_numpy()
    for row, found, number in zip(rows, x, code, strict=True):
        own = seen[names[seen] == names[row]]
        peer = StandardScaler().fit(samples.matrix.values[own].astype(np.float64))
        expected = peer.transform(samples.matrix.values[row - 2 : row + 1].astype(np.float64))
        if clip:
            expected = expected.clip(-clip, clip)
        np.testing.assert_allclose(found, expected, atol=2e-4)
        assert number == "ABC".index(names[row])
    y = windows.y.numpy()
    for symbol in "ABC":
        own = prepared.split.train[names[prepared.split.train] == symbol]
        assert y[own].mean() == pytest.approx(0, abs=1e-3)
        assert y[own].std() == pytest.approx(1, abs=1e-3)


def test_members_with_pooled_scales_and_with_scales_a_symbol_stand_in_one_fleet() -> None:
    table = far_levels()
    configs = [config_of(**NEXT_CLOSE, features__scale_by=by) for by in ("all", "symbol")]
    prepared = [prepare(config, table) for config in configs]
    matrix = prepared[0].samples.matrix
    own = [
        make_windows(config, replace(p.samples, matrix=matrix), p.fold, CPU)
        for config, p in zip(configs, prepared, strict=True)
    ]
    together = FleetWindows.of(own)
    rows = torch.from_numpy(np.stack([prepared[0].split.train[:20], prepared[0].split.train[-20:]]))
    batch = together.batch(rows, torch.ones_like(rows, dtype=torch.bool))
    for k, windows in enumerate(own):
        assert torch.equal(batch.stacked.x_BTF[k], windows.gather(rows[k]))
        assert torch.equal(batch.stacked.y[k], windows.y[rows[k]])


@pytest.mark.parametrize("model", NETWORKS)
def test_a_fleet_told_of_symbols_gives_each_member_what_it_has_alone(model: str) -> None:
    table = opposite_signs(400)
    said = {"model__name": model, "model__symbol_embedding": 2, "features__symbol_onehot": True}
    configs = [
        config_of(**said, features__scale_by="symbol", training__max_epochs=3, training__seed=seed) for seed in (1, 2)
    ]
    prepared = [prepare(config, table) for config in configs]
    samples = prepared[0].samples
    tasks = [
        MemberTask(config, samples, p.fold, p.split.train, p.split.val)
        for config, p in zip(configs, prepared, strict=True)
    ]
    for task, found in zip(tasks, train_fleet(tasks, recorders(2)), strict=True):
        alone = train_model(task.config, samples, task.fold, task.train_rows, task.val_rows, Listeners(()))
        assert isinstance(found, Trained)
        assert largest_difference(found.predictor.module, alone.predictor.module) < 1e-5


@pytest.mark.parametrize("model", ["lstm", "gru"])  # that the others read the symbol is a law of theirs
@pytest.mark.parametrize("told", [{"model__symbol_embedding": 3}, {"features__symbol_onehot": True}])
def test_a_model_told_of_symbols_learns_what_has_opposite_signs_in_them(model: str, told) -> None:
    table = opposite_signs()
    losses = {}
    for name, said in {"pooled": {}, "told": told}.items():
        prepared, bundle = trained(config_of(model__name=model, **said), table)
        losses[name] = log_loss(bundle, prepared)
    assert losses["pooled"] > 0.65  # log 2 is what knowing nothing costs
    assert losses["told"] < 0.35


def test_the_vectors_of_symbols_are_trained() -> None:
    config = config_of(model__symbol_embedding=3)
    prepared, bundle = trained(config, opposite_signs())
    torch.manual_seed(config.training.seed)
    first = torch.nn.Embedding(2, 3).weight
    assert bundle.record.weights["embedding.weight"].shape == (2, 3)
    assert (bundle.record.weights["embedding.weight"] - first).abs().max() > 0.01
    assert prepared.samples.matrix.names == ("signal",)


def test_a_bundle_that_knows_symbols_predicts_each_alone_as_among_others_and_after_being_stored(tmp_path) -> None:
    said = {"features__scale_by": "symbol", "model__symbol_embedding": 2, "features__symbol_onehot": True}
    table = far_levels(symbols="ABC")
    _, bundle = trained(config_of(**NEXT_CLOSE, **said), table)
    bundle.save(tmp_path / "bundle")
    loaded = Bundle.load(tmp_path / "bundle")
    everyone = bundle.predict(table)
    assert loaded.predict(table).equals(everyone)
    for symbol in "CAB":
        own = loaded.predict(only(table, symbol))
        assert own.equals(everyone.filter(pl.col("symbol") == symbol))
    # What is said of a symbol lies where its own prices lie.
    for number, symbol in enumerate("ABC"):
        level = everyone.filter(pl.col("symbol") == symbol)["close"].median()
        assert 50 * 100.0**number < level < 200 * 100.0**number


def test_an_unknown_symbol_is_refused_with_those_that_are_known_unless_nothing_is_fitted_to_symbols() -> None:
    table = opposite_signs(400)
    other = table.with_frame(table.frame.with_columns(pl.col("symbol").replace({"B": "Bee"})))
    short = {"training__max_epochs": 1}
    for said in ({"features__scale_by": "symbol"}, {"features__symbol_onehot": True}, {"model__symbol_embedding": 1}):
        _, bundle = trained(config_of(**said, **short), table)
        with pytest.raises(SchemaError, match="knows the symbols A, B; it can't predict Bee") as refused:
            bundle.predict(other)
        assert "data.symbols=['A']" in str(refused.value.hint)
        assert len(bundle.predict(other, rows=[10, 11])) == 2  # rows of a known one
    _, plain = trained(config_of(**short), table)
    assert set(plain.predict(other)["symbol"]) == {"A", "Bee"}


def test_a_symbol_without_training_rows_is_refused_by_name() -> None:
    table = opposite_signs(900)
    late = table.frame.filter(
        (pl.col("symbol") == "A") | (pl.col("time") > table.frame["time"].min() + pl.duration(minutes=880))
    )
    with pytest.raises(NotEnoughRowsError, match="B has none") as refused:
        prepare(config_of(features__scale_by="symbol"), table.with_frame(late))
    assert "data.symbols=['A']" in str(refused.value.hint)
    prepare(config_of(), table.with_frame(late))


def test_scalers_of_other_symbols_than_the_bundles_are_refused(tmp_path) -> None:
    _, bundle = trained(config_of(features__scale_by="symbol", training__max_epochs=1), opposite_signs(400))
    alien = replace(bundle.record.scaler, symbols=("A", "C"))
    Bundle(replace(bundle.record, scaler=alien)).save(tmp_path / "alien")
    with pytest.raises(BundleError, match="scalers for A, B"):
        Bundle.load(tmp_path / "alien")


def test_symbols_in_another_order_in_the_files_change_no_bit(tmp_path) -> None:
    table = opposite_signs(500, "ABC")
    config = config_of(features__scale_by="symbol", model__symbol_embedding=2, training__max_epochs=2)
    states = []
    for number, order in enumerate(("ABC", "CAB")):
        paths = []
        for symbol in order:
            paths.append(tmp_path / f"{number}-{order}-{symbol}.parquet")
            only(table, symbol).frame.write_parquet(paths[-1])
        read = load_table(DataConfig(paths=tuple(map(str, paths)), stamp="close", timeframe=table.timeframe))
        prepared, bundle = trained(config, read)
        states.append((bundle.record.weights, bundle.record.scaler.to_dict(), bundle.predict(read), prepared.split))
    (weights, scaler, said, split), (again, scaler_again, said_again, split_again) = states
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert scaler == scaler_again
    assert said.equals(said_again)
    assert np.array_equal(split.train, split_again.train)


def test_codes_go_by_name_and_not_by_place() -> None:
    frames = [only(opposite_signs(5), symbol).frame for symbol in "BA"]
    table = opposite_signs(5).with_frame(pl.concat(frames))
    assert symbol_codes(table, ("B", "A")).tolist() == [1] * 5 + [0] * 5
    assert symbol_codes(table, ("A", "AA")).tolist() == [-1] * 5 + [0] * 5


def scaler_on_everything(config: ExperimentConfig, samples: Samples, train: Rows) -> FittedFold:
    """The planted mistake: one symbol's scaler saw all its rows."""
    fold, everything = fit_fold(config, samples, train), fit_fold(config, samples, samples.rows)
    center = fold.scaler.center.copy()
    center[1] = everything.scaler.center[1]
    return replace(fold, scaler=replace(fold.scaler, center=center))


def test_the_audit_passes_scalers_a_symbol_and_catches_one_that_saw_everything() -> None:
    config = small_experiment(features__scale_by="symbol", target__kind="forward_return")
    table = random_walk(1_500, symbols="AB")
    assert check_scaler(case_of(table, config=config)).passed
    caught = check_scaler(case_of(table, Parts(fit_fold=scaler_on_everything), config))
    assert not caught.passed
    assert "feature scaler" in caught.detail


@pytest.mark.parametrize("kind", ["direction", "next_row"])
def test_the_whole_audit_passes_where_symbols_are_scaled_and_told_apart(kind: str) -> None:
    said = {"target__kind": kind, "features__scale_by": "symbol", "model__symbol_embedding": 2}
    result = run_audit(small_experiment(**said, features__sets=["ohlcv"]), far_levels(1_500))
    assert result.passed, [check for check in result.checks if not check.passed]


def test_the_newest_part_is_judged_symbol_by_symbol_as_scikit_learn_judges_its_rows(tmp_path) -> None:
    table = opposite_signs(800)
    outcome = run_experiment(prepare(config_of(), table), tmp_path)
    frame = pl.read_parquet(outcome.predictions)
    said = outcome.to_dict()["metrics_by_symbol"]
    assert list(said) == ["test"]
    for symbol in "AB":
        own = frame.filter((pl.col("part") == "test") & (pl.col("symbol") == symbol))
        expected = sklearn_log_loss(own["target"], own.select("prob_down", "prob_up"), labels=["down", "up"])
        found = said["test"][symbol]["log_loss"]
        assert found["value"] == pytest.approx(expected, abs=1e-6)
        assert found["low"] < found["value"] < found["high"]
        assert said["test"][symbol]["accuracy"]["value"] == pytest.approx((own["label"] == own["target"]).mean())
    kept = json.loads((tmp_path / "metrics.json").read_bytes())
    assert kept["metrics_by_symbol"] == said
    assert kept["evaluation"]["parts"]["test"]["symbols"]["B"]["beats_baseline"] in (True, False, None)
    assert "symbol by symbol" in outcome.report.read_text(encoding="utf-8")
    single = run_experiment(prepare(config_of(), only(table, "A")), tmp_path / "one")
    assert single.to_dict()["metrics_by_symbol"] == {}


def test_baselines_learn_in_the_units_of_each_symbol_where_the_model_does(tmp_path) -> None:
    config = config_of(**NEXT_CLOSE, features__scale_by="symbol", training__max_epochs=1)
    prepared = prepare(config, far_levels())
    outcome = run_experiment(prepared, tmp_path)
    labels, split = prepared.samples.labels, prepared.split
    frame = prepared.samples.table.frame
    names, close = frame["symbol"].to_numpy(), frame["close"].to_numpy()
    for symbol in "AB":
        train, test = (rows[names[rows] == symbol] for rows in (split.train, split.test))
        mean = labels.y[train, 0].astype(np.float64).mean()

        def rmse(rows, guess) -> float:
            return float(np.sqrt(np.mean((labels.y[rows, 0].astype(np.float64) - guess) ** 2)))

        assert rmse(train, close[train]) < rmse(train, mean)  # a walk: its present value says more than its mean
        baselines = outcome.evaluation.parts["test"].symbols[symbol].baselines
        assert baselines["prior"]["rmse"].value == pytest.approx(rmse(test, close[test]), rel=1e-4)
        assert baselines["ridge"]["rmse"].value < rmse(test, mean)  # in the other symbol's units it would be levels off


def test_a_model_told_of_symbols_takes_no_less_than_their_names() -> None:
    with pytest.raises(ConfigError, match="has none to tell apart"):
        load_config(overrides={"training.per_symbol": True, "model.symbol_embedding": 2})


def test_cross_validation_scores_a_symbol_as_if_its_rows_were_all() -> None:
    table = far_levels(400)
    labels = make_labels(table, TargetConfig(kind="next_row", horizon=1, columns=("close", "volume")))
    rows = np.flatnonzero(labels.valid)
    names = table.frame["symbol"].to_numpy()
    half = np.arange(400)[: 400 // 2]
    train = np.concatenate([half, half + 400])
    test = np.setdiff1d(rows, train)
    said = labels.y[test] * 1.01
    found = score_symbols(table, labels, train, test, said)
    for number, symbol in enumerate("AB"):
        alone = only(table, symbol)
        own = make_labels(alone, TargetConfig(kind="next_row", horizon=1, columns=("close", "volume")))
        at = names[test] == symbol
        assert found[symbol] == score(alone, own, half, test[at] - 400 * number, said[at])


def test_the_prior_of_models_that_know_symbols_knows_each_ones_own() -> None:
    table = far_levels(300, "ABC")
    labels = make_labels(table, TargetConfig(kind="forward_return", horizon=2))
    rows = np.flatnonzero(labels.valid)
    names = table.frame["symbol"].to_numpy()
    train = rows[(names[rows] != "C") & (rows % 300 < 150)]
    test = np.array([160, 170, 460, 760])
    said = knowing_nothing(table, labels, train, test, True)
    a, b = (labels.y[train[names[train] == symbol]].mean() for symbol in "AB")
    np.testing.assert_allclose(said[:, 0], [a, a, b, labels.y[train].mean()], rtol=1e-5)


def test_a_fold_that_never_trains_on_a_symbol_fails_by_its_name(gatewise_home) -> None:
    table = opposite_signs(600)
    start = table.frame["time"].min()
    late = table.frame.filter((pl.col("symbol") == "A") | (pl.col("time") > start + pl.duration(minutes=300)))
    plan = plan_of(features__sets=[], features__columns=["signal"], features__scale_by="symbol", target__horizon=1)
    outcome = run_cv(plan, table.with_frame(late))
    assert {failure.job.fold for failure in outcome.failures} == {1}
    assert "B has none" in outcome.failures[0].error.message
    told = plan_of(features__sets=[], features__columns=["signal"], features__symbol_onehot=True, target__horizon=1)
    assert {failure.job.fold for failure in run_cv(told, table.with_frame(late), FleetCompute()).failures} == {1}
