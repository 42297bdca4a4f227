"""Models on arrays: labels come back as they went in, units too, and a saved model answers bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gatewise
from gatewise.errors import BundleError, ConfigError, LabelError, QualityError, UnknownNameError

SMALL = {"hidden_size": 8, "num_layers": 1, "dropout": 0.0, "batch_size": 32, "max_epochs": 12, "learning_rate": 0.03}
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


@pytest.mark.parametrize("name", gatewise.ModelRegistry.names())
def test_a_classifier_learns_and_speaks_in_the_labels_it_was_given(name) -> None:
    model = fitted(SIGN, name)
    said = model.predict(X[250:])
    assert set(said) <= {"up", "down"}
    assert (said == SIGN[250:]).mean() > 0.85


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
    head = model._fitted().head
    logits = states[:, -1] @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    odds = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(odds / odds.sum(1, keepdims=True), model.predict_proba(X[:7]), atol=1e-5)


def test_a_regressor_answers_in_the_targets_units() -> None:
    model = fitted(VALUE, max_epochs=40)
    error = model.predict(X[250:])[:, 0] - VALUE[250:]
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
    np.testing.assert_array_equal(model._scaler.center, classifier._scaler.center)
    np.testing.assert_allclose(model._scaler.center, X[:200].reshape(-1, 4).mean(0), rtol=1e-6)


def test_bad_arrays_are_refused() -> None:
    model = gatewise.ModelRegistry.create("lstm", **SMALL)
    spoilt = X.copy()
    spoilt[3, 2, 1] = np.nan
    for bad, words in [(X[:, 0], "sequence_length"), (spoilt, "finite"), (X.astype(str), "numbers"), (X[:0], "none")]:
        with pytest.raises(gatewise.GatewiseError, match=words):
            model.fit(bad, SIGN[: len(bad)], X, SIGN)
    with pytest.raises(QualityError, match="y_train"):
        model.fit(X, SIGN[:-1], X, SIGN)
    with pytest.raises(LabelError, match="sideways"):
        model.fit(X, SIGN, X[:2], np.array(["up", "sideways"]))
    with pytest.raises(ConfigError, match="batch_size"):
        model.fit(X[:10], SIGN[:10], X, SIGN)


def test_a_model_that_is_not_fitted_and_an_array_of_another_shape_are_refused(classifier) -> None:
    with pytest.raises(ConfigError, match="fitted first"):
        gatewise.ModelRegistry.create("lstm").predict(X)
    with pytest.raises(QualityError, match="6 steps and 4 features"):
        classifier.predict(X[:, :5])


def test_unknown_models_and_fields_list_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as caught:
        gatewise.ModelRegistry.create("ltsm")
    assert "'lstm'" in (caught.value.hint or "")
    with pytest.raises(UnknownNameError) as caught:
        gatewise.ModelRegistry.create("lstm", hidden=3)
    assert "'hidden_size'" in (caught.value.hint or "")
