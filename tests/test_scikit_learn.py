"""Array models where scikit-learn drives: its own checks, its tools, and what a fit holds out by itself.

An estimator that breaks the contract works alone and fails within a search, or worse, scores other rows than it says.
"""

from __future__ import annotations

import io
import logging
import pickle
import pickletools
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from gatewise import ModelRegistry, PurgedFolds, SequenceModel
from gatewise.errors import ConfigError, LabelError, NotEnoughRowsError, QualityError, UnknownNameError
from gatewise.tabular.linear import Design, fit_ridge, fit_softmax

SMALL: dict[str, Any] = {
    "hidden_size": 8,
    "num_layers": 1,
    "dropout": 0.0,
    "max_epochs": 30,
    "learning_rate": 0.05,
    "scheduler": "constant",
    "device": "cpu",
}
CANNOT = {
    "check_sample_weight_equivalence_on_dense_data": "a weight counts in the loss; batches, scalers and the part held "
    "out are of samples, so one of weight 2 is not two samples",
    "check_dtype_object": "a cell that is no number is named by a QualityError, a ValueError, not by float's TypeError",
}
random = np.random.default_rng(0)
X = random.normal(size=(240, 5, 3))
UP = (X[:, -1, 0] > 0).astype(int)
VALUE = 3 * X[:, -1, 1] + 1


def small(name: str = "lstm", **fields: Any) -> SequenceModel:
    return SequenceModel(name, **{**SMALL, "max_epochs": 3, **fields})


@parametrize_with_checks(
    [
        SequenceModel("lstm", task="classification", **SMALL),
        SequenceModel("gru", task="regression", **SMALL),
        SequenceModel("logistic", task="classification"),
        SequenceModel("ridge", task="regression"),
    ],
    expected_failed_checks=lambda model: CANNOT,
    xfail_strict=True,
)
def test_scikit_learns_own_checks_hold(estimator: SequenceModel, check: Any) -> None:
    check(estimator)


# ---- parameters


def test_a_clone_has_what_was_given_and_nothing_of_the_fit() -> None:
    weights = {0: 1.0, 1: 3.0}
    model = small(task="classification", class_weights=weights, horizon=2, seed=7).fit(X, UP)
    copied = clone(model)
    assert copied.get_params() == model.get_params()
    assert copied.get_params()["class_weights"] == weights
    assert not hasattr(copied, "classes_")
    np.testing.assert_array_equal(copied.fit(X, UP).predict_proba(X), model.predict_proba(X))
    assert "horizon=2" in repr(model)
    assert "hidden_size=8" in repr(model)


def test_names_are_checked_at_once_and_values_by_fit_or_create() -> None:
    for make in (SequenceModel, ModelRegistry.create):
        with pytest.raises(UnknownNameError, match="hiden_size") as caught:
            make("lstm", hiden_size=3)
        assert "'hidden_size'" in (caught.value.hint or "")
    with pytest.raises(UnknownNameError, match="val_fracton") as caught:
        SequenceModel("lstm").set_params(val_fracton=0.1)
    assert "'val_fraction'" in (caught.value.hint or "")
    with pytest.raises(ConfigError, match="hidden_size"):
        ModelRegistry.create("lstm", hidden_size=0)
    for bad in (
        {"hidden_size": 0},
        {"model": "lstn"},
        {"task": "regress"},
        {"val_fraction": 1.0},
        {"horizon": -1},
        {"sequence_length": 0},
        {"sequence_length": "five"},
    ):
        with pytest.raises(ConfigError) as refused:
            small().set_params(**bad).fit(X.reshape(240, -1), UP)
        assert refused.value.hint


def test_the_kind_is_told_before_a_fit_by_task_and_after_it_by_what_was_fitted() -> None:
    assert is_classifier(small(task="classification"))
    assert is_regressor(small(task="regression"))
    undecided = small()
    assert not is_classifier(undecided)
    assert not is_regressor(undecided)
    assert is_classifier(undecided.fit(X, UP))
    assert is_regressor(undecided.fit(X, VALUE))
    assert not hasattr(undecided, "predict_proba")
    assert not hasattr(undecided, "classes_")


def test_task_says_what_whole_numbers_are() -> None:
    as_floats = small(task="classification").fit(X, UP.astype(float))
    assert as_floats.classes_.dtype == np.float64
    assert set(as_floats.predict(X)) <= {0.0, 1.0}
    assert small(task="regression").fit(X, UP).predict(X).dtype == np.float64
    with pytest.raises(LabelError, match="continuous"):
        small(task="classification").fit(X, VALUE)
    with pytest.raises(QualityError, match="must hold numbers"):
        small(task="regression").fit(X, np.where(UP, "up", "down"))


# ---- what is held out


def test_a_fit_alone_is_a_fit_with_the_newest_part_as_validation() -> None:
    alone = small(val_fraction=0.25).fit(X, VALUE)
    assert alone.val_samples_.tolist() == list(range(180, 240))
    assert alone.train_samples_.tolist() == list(range(180))
    given = small().fit(X[:180], VALUE[:180], X[180:], VALUE[180:])
    assert given.val_samples_.size == 0
    np.testing.assert_array_equal(alone.predict(X), given.predict(X))
    assert [epoch["val_loss"] for epoch in alone.history_] == [epoch["val_loss"] for epoch in given.history_]
    assert alone.n_iter_ == len(alone.history_) == 3
    assert alone.best_epoch_ == 1 + int(np.argmin([epoch["val_loss"] for epoch in alone.history_]))


def test_what_a_known_horizon_lets_into_the_held_out_part_is_purged() -> None:
    model = small(val_fraction=0.25, horizon=4).fit(X, VALUE)
    train, val = model.train_samples_, model.val_samples_
    # The last label that is trained on is known before the first step of the first window that is held out.
    assert train.max() + 4 == val.min() - (X.shape[1] - 1) - 1
    changed = VALUE.copy()
    changed[train.max() + 1 : val.min()] = 1e6  # neither part has them
    np.testing.assert_array_equal(small(val_fraction=0.25, horizon=4).fit(X, changed).predict(X), model.predict(X))
    with pytest.raises(NotEnoughRowsError):
        small(horizon=230).fit(X, VALUE)


def test_a_class_that_only_the_held_out_part_has_is_known_and_gets_next_to_nothing() -> None:
    y = np.where(np.arange(240) >= 230, "late", np.where(UP, "up", "down"))
    model = small().fit(X, y)
    assert list(model.classes_) == ["down", "late", "up"]
    prob = model.predict_proba(X)
    np.testing.assert_allclose(prob.sum(1), 1)
    assert prob[:, 1].max() < 0.01
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), prob)
    with pytest.raises(LabelError, match="held out must hold a class"):
        small().fit(X, np.where(np.arange(240) >= 204, "late", np.where(UP, "up", "down")))


def test_batches_fit_the_training_part_where_nobody_chose_them() -> None:
    model = small().fit(X[:60], VALUE[:60])
    assert model.predict(X).shape == (240,)
    chosen = small(batch_size=51).fit(X[:60], VALUE[:60])
    np.testing.assert_array_equal(model.predict(X), chosen.predict(X))
    with pytest.raises(ConfigError, match="batch_size"):
        small(batch_size=52).fit(X[:60], VALUE[:60])


# ---- weights of samples


@pytest.mark.parametrize("name", ["lstm", "logistic", "ridge", "xgboost"])
def test_a_sample_of_no_weight_is_as_if_its_label_were_another(name: str) -> None:
    y = VALUE if name == "ridge" else UP
    fields = {} if name != "lstm" else {**SMALL, "max_epochs": 2}
    weight = random.integers(0, 2, 240).astype(float)
    fits = []
    for other in (y, np.where(weight > 0, y, y[::-1])):
        model = SequenceModel(name, scaler="none", **fields) if name != "ridge" else SequenceModel(name)
        if name == "ridge":  # its scale of y is of all samples
            other = np.where(weight > 0, other, y)
        fits.append(model.fit(X, other, sample_weight=weight).predict(X))
    np.testing.assert_array_equal(*fits)


@pytest.mark.parametrize("name", ["lstm", "logistic", "xgboost"])
def test_weights_move_predictions_towards_what_they_stress(name: str) -> None:
    y = random.integers(0, 2, 240)
    fields = {**SMALL, "max_epochs": 5} if name == "lstm" else {}
    share = [
        SequenceModel(name, **fields)
        .fit(X, y, sample_weight=np.where(y == 1, stress, 1.0))
        .predict_proba(X)[:, 1]
        .mean()
        for stress in (0.2, 1.0, 5.0)
    ]
    assert share[0] < share[1] < share[2]


@pytest.mark.parametrize(("name", "within"), [("logistic", 0.02), ("gru", 0.05)])
def test_where_inputs_say_nothing_weights_are_counts(name: str, within: float) -> None:
    y, weight = random.integers(0, 2, 240), random.random(240)
    fields = {**SMALL, "max_epochs": 60} if name == "gru" else {}
    model = SequenceModel(name, **fields).fit(np.zeros_like(X), y, np.zeros_like(X), y, sample_weight=weight)
    share = weight[y == 1].sum() / weight.sum()
    assert model.predict_proba(np.zeros_like(X[:1]))[0, 1] == pytest.approx(share, abs=within)


def test_equal_weights_are_none() -> None:
    weighed, plain = small().fit(X, UP, sample_weight=np.full(240, 2.0)), small().fit(X, UP)
    np.testing.assert_array_equal(weighed.predict_proba(X), plain.predict_proba(X))


def test_weighted_linear_fits_are_those_of_scikit_learn() -> None:
    x, weight = X[:, -1], random.random(240) * 3
    theirs = LogisticRegression(C=0.5, tol=1e-8, max_iter=1000).fit(x, UP, sample_weight=weight)
    ours = next(fit_softmax(Design(x, weight), UP, [0.5]))
    np.testing.assert_allclose(ours[:-1, 1] - ours[:-1, 0], theirs.coef_[0], atol=1e-3)
    y = (VALUE + random.normal(size=240))[:, None]
    ridge = Ridge(alpha=2.0).fit(x, y, sample_weight=weight)
    np.testing.assert_allclose(next(fit_ridge(Design(x, weight), y, [2.0]))[:-1, 0], np.ravel(ridge.coef_), rtol=1e-8)


@pytest.mark.parametrize(
    "weight", [np.ones(239), -np.ones(240), np.zeros(240), np.full(240, np.nan), np.ones((240, 1)), ["a"] * 240]
)
def test_weights_that_are_none_are_refused(weight: Any) -> None:
    with pytest.raises(QualityError, match="sample_weight") as caught:
        small().fit(X, UP, sample_weight=weight)
    assert caught.value.hint


def test_weights_in_the_place_of_a_listener_are_named() -> None:
    with pytest.raises(ConfigError, match=r"listener must have .* got ndarray") as caught:
        small().fit(X[:200], UP[:200], X[200:], UP[200:], np.ones(200))
    assert "sample_weight=" in (caught.value.hint or "")


# ---- tools


def test_a_search_over_purged_folds_finds_what_the_score_of_its_folds_says() -> None:
    folds = PurgedFolds(horizon=2, sequence_length=5, n_splits=2)
    search = GridSearchCV(small(), {"max_epochs": [1, 8], "model": ["lstm", "gru"]}, cv=folds).fit(X, UP)
    by_hand = {}
    for epochs in (1, 8):
        for name in ("lstm", "gru"):
            fits = ((small(name, max_epochs=epochs).fit(X[a], UP[a]), b) for a, b in folds.split(X))
            by_hand[epochs, name] = float(np.mean([accuracy_score(UP[b], m.predict(X[b])) for m, b in fits]))
    assert search.best_score_ == pytest.approx(max(by_hand.values()))
    assert search.best_params_["max_epochs"] == 8
    assert search.best_estimator_.score(X, UP) == pytest.approx(accuracy_score(UP, search.predict(X)))


def test_scores_of_folds_are_the_same_from_other_processes() -> None:
    folds = PurgedFolds(horizon=2, n_splits=2)
    model = SequenceModel("ridge", task="regression")
    alone, beside = (cross_val_score(model, X, VALUE, cv=folds, n_jobs=jobs) for jobs in (1, 2))
    np.testing.assert_array_equal(alone, beside)
    by_hand = [r2_score(VALUE[b], clone(model).fit(X[a], VALUE[a]).predict(X[b])) for a, b in folds.split(X)]
    np.testing.assert_allclose(alone, by_hand)


def test_every_sample_of_purged_blocks_gets_a_prediction_from_a_model_that_never_saw_it() -> None:
    folds = PurgedFolds(horizon=1, splitter="kfold", n_splits=3)
    model = SequenceModel("logistic", task="classification")
    prob = cross_val_predict(model, X, UP, cv=folds, method="predict_proba")
    assert prob.shape == (240, 2)
    assert accuracy_score(UP, prob.argmax(1)) > 0.85


def test_calibration_takes_a_fitted_model_and_one_to_be_fitted() -> None:
    fitted = small().fit(X[:150], UP[:150], X[150:], UP[150:])
    frozen = CalibratedClassifierCV(FrozenEstimator(fitted)).fit(X, UP)
    np.testing.assert_allclose(frozen.predict_proba(X).sum(1), 1)
    folds = PurgedFolds(horizon=1, n_splits=2)
    refitted = CalibratedClassifierCV(small(task="classification"), cv=folds).fit(X, UP)
    assert refitted.predict_proba(X).shape == (240, 2)


def test_importance_of_flattened_windows_stands_at_the_step_that_was_planted() -> None:
    model = SequenceModel("logistic").fit(X, UP)
    importance = permutation_importance(model, X.reshape(240, -1), UP, n_repeats=2, random_state=0).importances_mean
    assert importance.argmax() == 4 * 3 + 0
    assert importance[:12].max() == 0  # it reads the last step alone


def test_a_pipeline_hands_rows_of_folded_steps_on() -> None:
    flat = X.reshape(240, -1)
    line = make_pipeline(StandardScaler(), small(sequence_length=5, max_epochs=8))
    line.set_params(sequencemodel__hidden_size=6).fit(flat, UP)
    assert line.named_steps["sequencemodel"].config.windows.sequence_length == 5
    assert line.score(flat, UP) > 0.7


# ---- X of two axes


def test_rows_of_folded_steps_are_windows() -> None:
    flat = X.reshape(240, -1)
    as_windows, as_rows = small().fit(X, VALUE), small(sequence_length=5).fit(flat, VALUE)
    for model in (as_windows, as_rows):
        np.testing.assert_array_equal(model.predict(flat), as_windows.predict(X))
        np.testing.assert_array_equal(model.predict(X), as_windows.predict(X))
    assert (as_windows.n_features_in_, as_rows.n_features_in_) == (3, 15)
    with pytest.raises(QualityError, match="fold into 4 steps"):
        small(sequence_length=4).fit(flat, VALUE)
    with pytest.raises(QualityError, match="expecting 15 features"):
        as_rows.predict(flat[:, :10])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_columns_of_a_frame_keep_their_names_and_their_order(frame: Any) -> None:
    table = frame({"a": X[:, 0, 0], "b": X[:, 0, 1]})
    model = SequenceModel("ridge").fit(table, X[:, 0, 0])
    assert list(model.feature_names_in_) == ["a", "b"]
    with pytest.raises(QualityError, match="feature names should match"):
        model.predict(table[["b", "a"]])
    with pytest.raises(QualityError, match="X_val must have equal columns; got a, b and b, a"):
        model.fit(table, X[:, 0, 0], table[["b", "a"]], X[:, 0, 0])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X[:, 0, :2])


# ---- what stays


def fitted_models() -> dict[str, tuple[SequenceModel, npt.NDArray[Any]]]:
    return {
        "network of classes": (small(task="classification", horizon=1), np.where(UP, "up", "down")),
        "network of numbers": (small(), np.stack([VALUE, -VALUE], 1)),
        "trees": (SequenceModel("xgboost"), UP),
        "linear": (SequenceModel("ridge", task="regression"), VALUE),
    }


@pytest.mark.parametrize("name", fitted_models())
def test_a_pickle_and_a_folder_answer_bit_for_bit_and_keep_the_parameters(name: str, tmp_path: Any) -> None:
    model, y = fitted_models()[name]
    model.fit(X, y)
    data = pickle.dumps(model)
    again, loaded = pickle.loads(data), ModelRegistry.load(model.save(tmp_path / "model"))
    for copy in (again, loaded):
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))
        assert copy.config == model.config
        for parameter in ("model", "task", "horizon", "val_fraction", "sequence_length"):
            assert copy.get_params()[parameter] == model.get_params()[parameter]
    assert again.get_params() == model.get_params()
    assert again.history_ == model.history_
    np.testing.assert_array_equal(again.val_samples_, model.val_samples_)
    with pytest.raises(NotFittedError, match="not kept in a folder"):
        _ = loaded.history_


def test_a_pickle_holds_no_object_of_torch() -> None:
    data = pickle.dumps(small().fit(X, UP))
    named = [str(value) for op, value, _ in pickletools.genops(io.BytesIO(data)) if isinstance(value, str)]
    assert "gatewise.estimator.model" in named
    assert not [text for text in named if text.startswith("torch")]


def test_what_is_not_fitted_says_so_as_scikit_learn_does() -> None:
    for ask in (lambda m: m.predict(X), lambda m: m.predict_proba(X), lambda m: m.classes_, lambda m: m.history_):
        with pytest.raises(NotFittedError, match="fitted first") as caught:
            ask(small())
        assert isinstance(caught.value, ConfigError)


def test_numbers_of_numpy_are_kept_as_numbers(tmp_path: Any) -> None:
    drawn = {
        "hidden_size": np.int64(3),
        "dropout": np.float32(0.25),
        "horizon": np.int64(2),
        "val_fraction": np.float64(0.2),
    }
    model = SequenceModel("lstm", **{**SMALL, "max_epochs": 1, **drawn}).fit(X, UP)
    kept = ModelRegistry.load(model.save(tmp_path / "model")).get_params()
    assert {name: kept[name] for name in drawn} == {name: float(value) for name, value in drawn.items()}


def test_an_epoch_is_a_line_where_asked(capsys: pytest.CaptureFixture[str]) -> None:
    small().fit(X, UP)
    assert capsys.readouterr().out == ""
    small(verbose=True).fit(X, UP)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 3
    assert "val_loss" in lines[0]


def test_rows_without_steps_are_remarked_on_for_networks(caplog: pytest.LogCaptureFixture) -> None:
    SequenceModel("ridge").fit(X[:, 0], VALUE)
    small(sequence_length=1).fit(X[:, 0], VALUE)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    small().fit(X[:, 0], VALUE)
    assert "each row is taken as one step" in caplog.text


def test_half_a_validation_part_is_refused() -> None:
    for half in ({"X_val": X}, {"y_val": UP}):
        with pytest.raises(QualityError, match="X_val and y_val must come together"):
            small().fit(X, UP, **half)


def test_no_warning_leaves_a_search() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GridSearchCV(small(max_epochs=1), {"hidden_size": [2]}, cv=PurgedFolds(horizon=1, n_splits=2)).fit(X, UP)
