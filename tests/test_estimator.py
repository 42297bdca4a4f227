"""Models on arrays: labels come back as they went in, units too, and a saved model answers bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import gatewise
from gatewise.errors import (
    BundleError,
    ConfigError,
    DataError,
    LabelError,
    QualityError,
    StorageError,
    UnknownNameError,
)
from gatewise.models.registry import MODELS
from gatewise.sealed import read_sealed, write_sealed
from gatewise.training.batch_size import BatchSizeChoice
from zoo import ENSEMBLES, NETWORKS, ROWS

SMALL = {"hidden_size": 8, "num_layers": 1, "dropout": 0.0, "batch_size": 32, "max_epochs": 12, "learning_rate": 0.03}
SIZES = ("hidden_size", "num_layers", "dropout")
rng = np.random.default_rng(0)
X = rng.normal(5, 3, (300, 6, 4))
SIGN = np.where(X[:, -1, 0] > 5, "up", "down")
VALUE = 100 + 10 * X[:, -1, 1]


def fitted(y: np.ndarray, name: str = "lstm", **fields: object) -> gatewise.SequenceModel:
    model = gatewise.ModelRegistry.create(name, **(SMALL | fields))
    return model.fit(X[:200], y[:200], X[200:250], y[200:250])


@pytest.fixture(scope="module")
def classifier() -> gatewise.SequenceModel:
    return fitted(SIGN)


def model_of(name: str, y: np.ndarray) -> gatewise.SequenceModel:
    """A fitted one, small where it is a network."""
    section, fields = MODELS[name].config, {}
    if name in NETWORKS:
        sizes = section.sized({**section.tiny, **SMALL})
        fields = {key: value for key, value in SMALL.items() if key not in SIZES} | sizes | {"max_epochs": 40}
    if name in ENSEMBLES:
        fields = {"base_models": "gru,last_row:xgboost", "sizes": "tiny", "max_epochs": 10, "learning_rate": 0.01}
    return gatewise.ModelRegistry.create(name, **fields).fit(X[:200], y[:200], X[200:250], y[200:250])


@pytest.mark.parametrize("name", [name for name in MODELS if "classes" in MODELS[name].config.targets])
def test_a_classifier_learns_and_speaks_in_the_labels_it_was_given(name) -> None:
    said = model_of(name, SIGN).predict(X[250:])
    assert set(said) <= {"up", "down"}
    assert (said == SIGN[250:]).mean() > 0.85


@pytest.mark.parametrize("name", ROWS)
def test_a_model_of_one_row_answers_bit_for_bit_from_its_folder_and_reads_the_last_step_alone(
    name: str, tmp_path: Path
) -> None:
    for kind, y in {"classes": SIGN, "values": VALUE}.items():
        if kind in MODELS[name].config.targets:
            model = model_of(name, y)
            before = model.predict(X)
            np.testing.assert_array_equal(gatewise.ModelRegistry.load(model.save(tmp_path / kind)).predict(X), before)
            earlier = X.copy()
            earlier[:, :-1] *= 1.5
            np.testing.assert_array_equal(model.predict(earlier), before)
        else:
            with pytest.raises(ConfigError, match=f"{name} predicts") as caught:
                model_of(name, y)
            assert "y.astype" in (caught.value.hint or "")


def test_hidden_states_and_settings_of_networks_are_no_affair_of_a_model_of_one_row() -> None:
    with pytest.raises(ConfigError, match="logistic has no hidden states"):
        model_of("logistic", SIGN).get_hidden_states(X)
    with pytest.raises(UnknownNameError, match="batch_size"):
        gatewise.ModelRegistry.create("ridge", batch_size=32)


def test_hints_name_settings_as_create_takes_them() -> None:
    with pytest.raises(ConfigError) as caught:
        gatewise.ModelRegistry.create("lstm", batch_size=512).fit(X[:200], SIGN[:200], X[200:], SIGN[200:])
    assert (caught.value.hint or "").startswith("batch_size=200 ")


def test_probabilities_sum_to_one_and_their_largest_is_the_prediction(classifier) -> None:
    prob = classifier.predict_proba(X[250:])
    np.testing.assert_allclose(prob.sum(1), 1)
    assert list(classifier.classes) == ["down", "up"]
    np.testing.assert_array_equal(classifier.classes[prob.argmax(1)], classifier.predict(X[250:]))


@pytest.mark.parametrize(("bidirectional", "width"), [(False, 8), (True, 16)])
def test_hidden_states_have_the_promised_shape_and_end_in_what_the_head_reads(bidirectional, width) -> None:
    model = fitted(SIGN, bidirectional=bidirectional, max_epochs=1)
    states = model.get_hidden_states(X[:7])
    assert states.shape == (7, 6, width)
    head = model._fitted.predictor.module.head
    logits = states[:, -1] @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    odds = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(odds / odds.sum(1, keepdims=True), model.predict_proba(X[:7]), atol=1e-5)


def test_a_regressor_answers_in_the_targets_units() -> None:
    model = fitted(VALUE, max_epochs=40)
    error = model.predict(X[250:]) - VALUE[250:]
    assert np.sqrt((error**2).mean()) < 0.5 * VALUE.std()
    with pytest.raises(ConfigError, match="classifier"):
        model.predict_proba(X)


@pytest.mark.parametrize("y", [SIGN, VALUE, (X[:, -1, 0] > 5).astype(int) * 7])
def test_a_saved_model_answers_bit_for_bit(y, tmp_path: Path) -> None:
    model = fitted(y, max_epochs=2)
    loaded = gatewise.ModelRegistry.load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(X[250:]), model.predict(X[250:]))
    assert loaded.predict(X[250:]).dtype == model.predict(X[250:]).dtype


def test_a_changed_byte_is_refused(classifier, tmp_path: Path) -> None:
    folder = classifier.save(tmp_path / "model")
    for file in folder.iterdir():
        whole = file.read_bytes()
        file.write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
        with pytest.raises(BundleError):
            gatewise.SequenceModel.load(folder)
        file.write_bytes(whole)
    gatewise.SequenceModel.load(folder)


def test_same_seed_same_answers(classifier) -> None:
    np.testing.assert_array_equal(fitted(SIGN).predict_proba(X[250:]), classifier.predict_proba(X[250:]))


def test_the_scaler_sees_the_training_part_alone(classifier) -> None:
    changed = X.copy()
    changed[200:] *= 100
    model = gatewise.ModelRegistry.create("lstm", **SMALL).fit(
        changed[:200], SIGN[:200], changed[200:250], SIGN[200:250]
    )
    np.testing.assert_array_equal(model._fitted.scaler.center, classifier._fitted.scaler.center)
    np.testing.assert_allclose(model._fitted.scaler.center, X[:200].reshape(-1, 4).mean(0), rtol=1e-6)


SPOILT = X.copy()
SPOILT[3, 2, 1] = np.nan
WHOLE = (X[:, -1, 0] > 5).astype(int)
BAD_X: dict[str, tuple[Any, str]] = {
    "one axis": (X[:, 0, 0], "sequence_length"),
    "a gap": (SPOILT, "finite"),
    "beyond float32": (X * 1e300, "finite"),
    "text": (X.astype(str), "numbers"),
    "no samples": (X[:0], "none"),
    "no features": (X[..., :0], "at least one step and one feature"),
    "no steps": (X[:, :0], "at least one step and one feature"),
    "a number": (3.0, "sequence_length"),
    "windows of several lengths": ([X[0], X[1, :5]], "must be an array"),
    "a tensor without numbers": (torch.ones(300, 6, 4, device="meta"), "must be an array"),
    "a sparse tensor": (torch.ones(300, 6, 4).to_sparse(), "must be an array"),
    "complex numbers": (X + 1j, "numbers"),
    "objects that are no numbers": (np.where(X > 5, X.astype(object), "5"), "got str among objects"),
    "a missing number among objects": (np.where(X > 5, X.astype(object), None), "finite"),
    "masked numbers": (np.ma.masked_greater(X, 5), "masked"),
}
# y, y_val: None where it is as it should be
BAD_Y: dict[str, tuple[Any, Any, str]] = {
    "one label less": (SIGN[:-1], None, "y must be"),
    "a class that y lacks": (None, np.where(SIGN == "up", "up", "sideways"), "sideways"),
    "one class": (np.full(300, "up"), np.full(300, "up"), "at least two classes"),
    "labels in a column": (WHOLE[:, None], WHOLE[:, None], r"one label a sample.*\(300, 1\)"),
    "labels in two columns": (np.stack([WHOLE, WHOLE], 1), None, "one label a sample"),
    "a label": ("up", None, "got ()"),
    "a number": (1.0, None, "got ()"),
    "ragged": ([[1.0], [1.0, 2.0]] * 150, None, "must be an array"),
    "three axes": (X, None, "samples, outputs"),
    "no outputs": (VALUE.reshape(300, 1)[:, :0], None, "samples, outputs"),
    "outputs of two widths": (np.stack([VALUE, VALUE], 1), VALUE, "equal outputs"),
    "text for numbers": (VALUE, SIGN, "must hold numbers"),
    "text for labels of numbers": (WHOLE, SIGN, "y's type"),
    "numbers for labels of text": (SIGN, WHOLE, "y's type"),
    "mixed labels": (["up", 1] * 150, None, "one type; got int, str"),
    "mixed labels in an array": (np.array(["up", 1] * 150, object), None, "one type; got int, str"),
    "missing labels": (np.array(["up", None] * 150, object), None, "a label for every sample; 150 of 300 are missing"),
    "missing labels as NaN": (
        np.array(["up", np.nan] * 150, object),
        None,
        "a label for every sample; 150 of 300 are missing",
    ),
    "times": (np.full(300, np.datetime64("2024-01-01")), None, "numbers, booleans or text"),
    "bytes": (SIGN.astype("S"), None, "numbers, booleans or text"),
    "endless values": (np.where(SIGN == "up", np.inf, VALUE), VALUE, "finite"),
    "values beyond float32": (VALUE * 1e300, VALUE, "finite"),
}


@pytest.mark.parametrize("what", BAD_X)
def test_bad_windows_are_refused_with_what_to_do(what: str) -> None:
    bad, words = BAD_X[what]
    model = gatewise.ModelRegistry.create("lstm", **SMALL)
    for arrays in ((bad, SIGN, X, SIGN), (X, SIGN, bad, SIGN)):
        with pytest.raises(DataError, match=words) as caught:
            model.fit(*arrays)
        assert caught.value.hint


@pytest.mark.parametrize("what", BAD_Y)
def test_bad_targets_are_refused_with_what_to_do(what: str) -> None:
    y_train, y_val, words = BAD_Y[what]
    with pytest.raises((DataError, LabelError), match=words.replace("()", r"\(\)")) as caught:
        gatewise.ModelRegistry.create("lstm", **SMALL).fit(
            X, SIGN if y_train is None else y_train, X, SIGN if y_val is None else y_val
        )
    assert caught.value.hint
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "labels", [SIGN.tolist(), SIGN.astype(object), WHOLE.astype(object), WHOLE.astype(bool), WHOLE.astype(np.uint8)]
)
def test_labels_come_as_lists_objects_or_any_whole_numbers(labels: Any, tmp_path: Path) -> None:
    model = gatewise.ModelRegistry.create("lstm", **(SMALL | {"max_epochs": 1})).fit(X, labels, X, labels)
    assert set(model.predict(X)) <= set(np.asarray(labels).tolist())
    np.testing.assert_array_equal(gatewise.SequenceModel.load(model.save(tmp_path / "m")).predict(X), model.predict(X))


def test_values_may_be_a_vector_in_one_part_and_a_column_in_the_other() -> None:
    model = gatewise.ModelRegistry.create("lstm", **(SMALL | {"max_epochs": 1}))
    assert model.fit(X, VALUE, X, VALUE[:, None]).predict(X).shape == (300,)
    assert model.fit(X, VALUE[:, None], X, VALUE).predict(X).shape == (300, 1)


def test_predictions_have_the_shape_that_y_had_also_when_loaded(tmp_path: Path) -> None:
    for y in (VALUE, VALUE[:, None], np.stack([VALUE, -VALUE], 1)):
        model = fitted(y, max_epochs=1)
        assert model.predict(X).shape == y.shape
        assert gatewise.SequenceModel.load(model.save(tmp_path / f"{y.shape}")).predict(X).shape == y.shape
    documents, tensors = read_sealed(model.save(tmp_path / "old"))
    written_before = {name: value for name, value in documents["model"].items() if name != "columns"}
    write_sealed(tmp_path / "old", {"model": written_before}, tensors)
    assert gatewise.SequenceModel.load(tmp_path / "old").predict(X).shape == (300, 2)


# What X and y may come as: the same numbers, and so the same answers.
FORMS: dict[str, Any] = {
    "a list": lambda a: a.tolist(),
    "Fortran order": np.asfortranarray,
    "the other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "longer floats": lambda a: a.astype(np.longdouble),
    "objects": lambda a: a.astype(object),
    "a tensor": torch.from_numpy,
    "a tensor with a gradient": lambda a: torch.from_numpy(a).requires_grad_(),
    "every other of twice as many": lambda a: np.repeat(a, 2, axis=0)[::2],
}


@pytest.fixture(scope="module")
def regressor() -> gatewise.SequenceModel:
    return fitted(VALUE, max_epochs=1)


@pytest.mark.parametrize("form", FORMS)
def test_the_form_of_an_array_changes_nothing(form: str, regressor: gatewise.SequenceModel) -> None:
    as_form = FORMS[form]
    parts = [as_form(part) for part in (X[:200], VALUE[:200], X[200:250], VALUE[200:250])]
    model = gatewise.ModelRegistry.create("lstm", **(SMALL | {"max_epochs": 1})).fit(*parts)
    np.testing.assert_array_equal(model.predict(as_form(X)), regressor.predict(X))


@pytest.mark.parametrize(
    "x",
    [
        torch.from_numpy(np.round(X)).bfloat16(),
        torch.from_numpy(np.round(X)).half(),
        torch.from_numpy(np.round(X)).int(),
        np.round(X).astype(np.float16),
        np.round(np.abs(X)).astype(np.uint64),
    ],
    ids=lambda x: str(x.dtype),
)
def test_short_floats_and_whole_numbers_are_numbers(x: Any, regressor: gatewise.SequenceModel) -> None:
    exact = x.double().numpy() if isinstance(x, torch.Tensor) else x.astype(np.float64)
    np.testing.assert_array_equal(regressor.predict(x), regressor.predict(exact))


def test_frames_give_their_columns_and_their_missing_labels_are_named() -> None:
    polars = pytest.importorskip("polars")
    model = gatewise.ModelRegistry.create("lstm", **(SMALL | {"max_epochs": 1}))
    assert model.fit(X, polars.Series(VALUE), X, polars.Series(VALUE)).predict(X).shape == (300,)
    frame = polars.DataFrame({"a": VALUE, "b": -VALUE})
    assert model.fit(X, frame, X, frame).predict(X).shape == (300, 2)
    assert set(model.fit(X, polars.Series(SIGN), X, polars.Series(SIGN)).predict(X)) <= {"up", "down"}
    gone: list[Any] = [None, *WHOLE[1:].tolist()]
    for labels in (polars.Series(gone), gone, np.array(gone, object), np.array([np.nan, *WHOLE[1:]])):
        with pytest.raises(LabelError, match="a label for every sample; 1 of 300 are missing") as caught:
            model.fit(X, labels, X, WHOLE)
        assert "leave those samples out" in (caught.value.hint or "")


def test_a_value_that_is_missing_is_no_missing_label() -> None:
    with pytest.raises(QualityError, match="1 values are not"):
        fitted(np.where(np.arange(300) == 3, np.nan, VALUE))


def test_a_few_whole_numbers_as_floats_are_values_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert fitted(WHOLE * 2.0, max_epochs=1).predict(X).dtype == np.float64
    assert [record.getMessage() for record in caplog.records if record.name == "gatewise.arrays"] == [
        "y holds 2 different whole numbers as floats (0, 2): they are taken as values to be predicted; "
        "y.astype(int) makes classes of them"
    ]
    caplog.clear()
    for y in (VALUE, np.arange(300.0), WHOLE + 0.5):
        fitted(y, max_epochs=1)
    assert not [record for record in caplog.records if record.name == "gatewise.arrays"]


# ---- settings


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_a_named_loss_makes_a_regressor_and_refuses_labels(loss: str) -> None:
    model = fitted(VALUE, loss=loss, max_epochs=2)
    assert model.config.training.loss.name == loss
    assert model.result is not None
    for labels in (SIGN, WHOLE):
        with pytest.raises(ConfigError, match=loss) as caught:
            fitted(labels, loss=loss)
        assert "astype(float)" in (caught.value.hint or "")


def test_mae_settles_nearer_the_median_than_mse() -> None:
    skewed = np.where(rng.random(300) < 0.2, 100.0, 0.0)
    fields: dict[str, Any] = {"max_epochs": 60, "learning_rate": 0.01, "hidden_size": 1, "scheduler": "constant"}
    constant = np.ones_like(X)
    centre = {}
    for loss in ("mse", "mae"):
        model = gatewise.ModelRegistry.create("lstm", **(SMALL | fields), loss=loss)
        centre[loss] = float(model.fit(constant, skewed, constant, skewed).predict(constant[:1])[0])
    assert centre["mse"] == pytest.approx(skewed.mean(), abs=4)
    assert centre["mae"] == pytest.approx(0, abs=4)


def test_class_weights_for_values_are_refused() -> None:
    with pytest.raises(ConfigError, match="class_weights"):
        fitted(VALUE, class_weights="balanced")


@pytest.mark.parametrize("y", [np.full(300, 2.5), np.full((300, 2), [1.0, 2.0]), np.full(300, 7.0, np.float32)])
def test_values_that_never_vary_in_training_are_refused(y: Any) -> None:
    with pytest.raises(LabelError, match="must vary in training; all 200 labels are") as caught:
        gatewise.ModelRegistry.create("lstm", **SMALL).fit(
            X[:200], y[:200], X[200:], VALUE[200:] if y.ndim == 1 else y[200:] * X[200:, 0, :2]
        )
    assert caught.value.hint


def test_one_of_several_values_that_never_varies_is_named(caplog: pytest.LogCaptureFixture) -> None:
    fitted(np.column_stack([VALUE, np.full(300, 3.0)]), max_epochs=1)
    assert "y1 (always 3)" in caplog.text
    caplog.clear()
    fitted(np.column_stack([VALUE, -VALUE]), max_epochs=1)
    assert "always" not in caplog.text


def test_windows_of_another_level_than_training_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    model = fitted(VALUE, max_epochs=1)
    model.predict(X)
    assert "far from" not in caplog.text
    model.predict(X + 1e6)
    assert "inputs lie far from what the model was trained on" in caplog.text


def test_a_given_sequence_length_is_one_that_the_windows_must_have() -> None:
    assert fitted(SIGN, sequence_length=6, max_epochs=1).predict(X).shape == (300,)
    with pytest.raises(QualityError, match="steps of X, 6; got 99") as caught:
        fitted(SIGN, sequence_length=99)
    assert "99 steps" in (caught.value.hint or "")


def test_an_automatic_batch_size_is_measured_and_spends_no_randomness(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def choose(step: Any, num_windows: int, **_: Any) -> BatchSizeChoice:
        for size in (32, 64):
            step(size)
            tried.append(size)
        return BatchSizeChoice(64, {32: 1.0, 64: 2.0}, f"of {num_windows}")

    monkeypatch.setattr("gatewise.training.timed_steps.measure_batch_size", choose)
    automatic = fitted(SIGN, auto_batch_size=True, max_epochs=2)
    assert tried == [32, 64]
    np.testing.assert_array_equal(
        automatic.predict_proba(X), fitted(SIGN, batch_size=64, max_epochs=2).predict_proba(X)
    )
    monkeypatch.undo()
    # By the clock: 512 is more than there are windows, so only a measured size can do.
    assert fitted(SIGN, batch_size=512, auto_batch_size=True, max_epochs=1).result is not None


def test_a_batch_larger_than_the_training_part_is_refused() -> None:
    with pytest.raises(ConfigError, match="batch_size"):
        gatewise.ModelRegistry.create("lstm", **SMALL).fit(X[:10], SIGN[:10], X, SIGN)


def test_no_field_is_taken_that_nothing_reads() -> None:
    with pytest.raises(UnknownNameError, match="checkpoint_every_epochs"):
        gatewise.ModelRegistry.create("lstm", checkpoint_every_epochs=3)


# ---- what stays


def test_a_fit_that_fails_leaves_the_model_as_it_was() -> None:
    model = fitted(SIGN, max_epochs=1)
    before = (model.predict_proba(X), model.classes, model.result)
    wider = np.concatenate([X, X], axis=2)
    bad: list[tuple[Any, Any, type[Exception]]] = [
        (wider[:10], VALUE[:10], ConfigError),  # a batch of 32 of 10 windows: fails late, within fit
        (wider, np.full(300, np.nan), QualityError),
        (X * 2 + 1, np.full(300, "up"), LabelError),
    ]
    for x, y, error in bad:
        with pytest.raises(error):
            model.fit(x, y, x, y)
        np.testing.assert_array_equal(model.predict_proba(X), before[0])
        assert model.classes is before[1]
        assert model.result is before[2]


def test_a_model_can_be_fitted_anew_as_another_kind(tmp_path: Path) -> None:
    model = fitted(VALUE, max_epochs=1)
    model.fit(X, SIGN, X, SIGN)
    assert set(model.predict(X)) <= {"up", "down"}
    loaded = gatewise.SequenceModel.load(model.save(tmp_path / "model"))
    assert loaded._fitted.target_scaler is None
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_hidden_states_leave_the_models_mode_alone(classifier) -> None:
    module = classifier._fitted.predictor.module
    for training in (True, False):
        module.train(training)
        states = classifier.get_hidden_states(X[:70])
        assert states.shape == (70, 6, 8)
        assert all(part.training is training for part in module.modules())
    np.testing.assert_array_equal(states, classifier.get_hidden_states(X)[:70])
    module.train()
    np.testing.assert_array_equal(states, classifier.get_hidden_states(X[:70]))
    module.eval()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_hidden_states_are_read_on_a_gpu_too() -> None:
    model = fitted(SIGN, device="cuda", max_epochs=2)
    states = model.get_hidden_states(X)
    model._fitted.predictor.module.cpu()
    model._state = replace(model._fitted, device="cpu")
    np.testing.assert_allclose(states, model.get_hidden_states(X), atol=1e-4)


# ---- folders


def test_a_folder_of_somebody_elses_is_never_written_over(classifier, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("mine")
    for place in ("docs", "file"):
        with pytest.raises(StorageError, match="new or empty folder") as caught:
            classifier.save(str(tmp_path / place))
        assert caught.value.hint == "choose another folder"
    assert (tmp_path / "docs" / "thesis.txt").read_text() == "years of work"
    assert (tmp_path / "file").read_text() == "mine"
    classifier.save(classifier.save(tmp_path / "model"))


def test_what_does_not_fit_itself_is_refused_even_under_good_hashes(classifier, tmp_path: Path) -> None:
    folder = classifier.save(tmp_path / "model")
    documents, tensors = read_sealed(folder)
    changed: list[tuple[Any, dict[str, torch.Tensor]]] = [
        ([1, 2], tensors),
        ({"format": "another"}, tensors),
        ({**documents["model"], "classes": []}, tensors),
        ({**documents["model"], "config": {"model": {"name": "lstn"}}}, tensors),
        ({**documents["model"], "scaler": {}}, tensors),
        ({name: value for name, value in documents["model"].items() if name != "sequence_length"}, tensors),
        (documents["model"], {name: value for name, value in tensors.items() if name != "head.bias"}),
    ]
    for values, weights in changed:
        write_sealed(folder, {"model": values}, weights)
        with pytest.raises(BundleError) as caught:
            gatewise.SequenceModel.load(folder)
        assert caught.value.hint
        assert "\n" not in caught.value.message


def test_a_model_that_is_not_fitted_and_an_array_of_another_shape_are_refused(classifier) -> None:
    with pytest.raises(ConfigError, match="fitted first"):
        gatewise.ModelRegistry.create("lstm").predict(X)
    with pytest.raises(QualityError, match="6 steps and 4 features") as caught:
        classifier.predict(X[:, :5])
    assert caught.value.hint


def test_unknown_models_and_fields_list_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as caught:
        gatewise.ModelRegistry.create("ltsm")
    assert "'lstm'" in (caught.value.hint or "")
    with pytest.raises(UnknownNameError) as caught:
        gatewise.ModelRegistry.create("lstm", hidden=3)
    assert "'hidden_size'" in (caught.value.hint or "")
