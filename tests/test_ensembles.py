"""Ensembles: what their members say is put together as by hand, and each member is what it would be alone.

A member that was trained on other rows, or twice with one seed, still predicts, and the mean still looks like a mean.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conftest import TINY, Cli
from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import BundleError, ConfigError, EnsembleCompatibilityError, UnknownNameError
from gatewise.experiment import Prepared, prepare
from gatewise.learners.base import Inputs, Shape, Trained
from gatewise.learners.combine import SecondStage, Vote, inputs_of
from gatewise.learners.members import Trainings, members_of
from gatewise.learners.table import learner_of, train_model
from gatewise.training.budget import WHOLE, Budget
from gatewise.training.listeners import Callbacks, Listener, Listeners
from symbol_worlds import SMALL, far_levels
from zoo import ENSEMBLES

NOTHING = Listeners(())
# Two members, two rows, three classes.
SAID = np.array([[[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]], [[0.1, 0.6, 0.3], [0.3, 0.3, 0.4]]])


def config_of(name: str = "voting", base_models: str = "lstm,gru", **more: Any) -> ExperimentConfig:
    small = {key: value for key, value in SMALL.items() if not key.startswith("model.")}
    model = {"model.name": name, "model.base_models": base_models, "model.sizes": "tiny", "training.max_epochs": 2}
    model |= {"features.sets": ["ohlcv"], "features.columns": []}
    return load_config(overrides=small | model | {key.replace("__", "."): value for key, value in more.items()})


def trained(
    config: ExperimentConfig, listener: Listener = NOTHING, checkpoint: Path | None = None, budget: Budget = WHOLE
) -> tuple[Prepared, Trained]:
    prepared = prepare(config, far_levels(400))
    rows = prepared.split.train, prepared.split.val
    return prepared, train_model(config, prepared.samples, prepared.fold, *rows, listener, checkpoint, budget)


def inputs_for(prepared: Prepared, config: ExperimentConfig) -> Inputs:
    return Inputs.of(config, prepared.samples, prepared.fold, prepared.split.test, "cpu")


def same_tensors(one: Trained, other: Trained) -> bool:
    ours, theirs = one.predictor.tensors(), other.predictor.tensors()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(
    ("vote", "by_hand"),
    [
        (Vote.of((), 2, False), [[0.4, 0.4, 0.2], [0.25, 0.4, 0.35]]),
        (Vote.of((0.35, 0.65), 2, False), [[0.31, 0.46, 0.23], [0.265, 0.37, 0.365]]),
        (Vote.of((3, 1), 2, False), [[0.55, 0.3, 0.15], [0.225, 0.45, 0.325]]),
        (Vote.of((), 2, True), [[0.5, 0.5, 0], [0, 0.5, 0.5]]),
        (Vote.of((0.35, 0.65), 2, True), [[0.35, 0.65, 0], [0, 0.35, 0.65]]),
    ],
)
def test_votes_are_those_of_hand_arithmetic(vote: Vote, by_hand: list[list[float]]) -> None:
    np.testing.assert_allclose(vote(SAID), by_hand, rtol=1e-15)


def test_a_second_stage_reads_what_each_member_says_of_each_class() -> None:
    x = inputs_of(SAID, are_classes=True)
    np.testing.assert_allclose(np.exp(x), [[0.7, 0.2, 0.1, 0.1, 0.6, 0.3], [0.2, 0.5, 0.3, 0.3, 0.3, 0.4]], rtol=1e-6)
    np.testing.assert_allclose(inputs_of(SAID, are_classes=False)[0], [0.7, 0.2, 0.1, 0.1, 0.6, 0.3], rtol=1e-6)
    assert np.isfinite(inputs_of(np.array([[[0.0, 1.0]]]), are_classes=True)).all()


def test_a_class_that_training_never_saw_has_its_floor_behind_a_second_stage() -> None:
    class Says:
        def predict(self, x: Any) -> Any:
            return SAID[0]

    together = SecondStage(Says(), np.array([0.0, 0.1, 0.0]))(SAID)
    np.testing.assert_allclose(together, [[0.7 / 0.8 * 0.9, 0.1, 0.1 / 0.8 * 0.9], [0.36, 0.1, 0.54]])


def test_members_are_the_models_that_they_would_be_alone_and_one_that_stands_twice_is_another() -> None:
    config = config_of(base_models="lstm,last_row:xgboost,lstm", model__weights=(0.5, 0.3, 0.2))
    prepared, made = trained(config)
    first, rows, second = made.members
    assert [member.label for member in made.members] == ["lstm", "last_row:xgboost", "lstm_2"]
    alone = {name: value for name, value in config.to_dict().items() if name != "model"}
    for member in (first, rows):
        name = member.config.model.name
        lone = load_config(base=alone | {"model": member.config.model.model_dump()})
        assert lone.model.name == name
        arguments = prepared.samples, prepared.fold, prepared.split.train, prepared.split.val
        assert same_tensors(member.trained, train_model(lone, *arguments, NOTHING))
    assert not same_tensors(first.trained, second.trained)
    each = [member.trained.predictor.predict(inputs_for(prepared, member.config)) for member in made.members]
    together = made.predictor.predict(inputs_for(prepared, config))
    np.testing.assert_allclose(together, 0.5 * each[0] + 0.3 * each[1] + 0.2 * each[2], rtol=1e-12)


def test_numbers_and_quantiles_are_averaged() -> None:
    for quantiles, width in (((), 1), ((0.1, 0.5, 0.9), 3)):
        kind = {"target__kind": "forward_return", "target__quantiles": quantiles}
        prepared, made = trained(config_of(base_models="lstm,gru", training__max_epochs=1, **kind))
        each = [member.trained.predictor.predict(inputs_for(prepared, member.config)) for member in made.members]
        together = made.predictor.predict(inputs_for(prepared, prepared.config))
        assert together.shape[1] == width
        np.testing.assert_allclose(together, (each[0] + each[1]) / 2, rtol=1e-12)
        assert (np.diff(together, axis=1) >= 0).all()


@pytest.mark.parametrize("name", ENSEMBLES)
def test_what_was_cut_off_in_any_member_goes_on_to_the_same_weights(name: str, tmp_path: Path) -> None:
    config = config_of(name, **({"model__n_splits": 2} if name == "stacking" else {}))
    _, undisturbed = trained(config)

    def interrupt(text: str) -> None:
        if text.startswith("Training 2 of ") and "epoch 1:" in text:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "checkpoint.safetensors"
    with pytest.raises(KeyboardInterrupt):
        trained(config, Callbacks(message=interrupt), checkpoint)
    heard: list[str] = []
    _, again = trained(config, Callbacks(message=heard.append), checkpoint)
    assert same_tensors(again, undisturbed)
    assert not [text for text in heard if text.startswith("Training 1 of ") and "epoch 1:" in text]


def test_the_device_that_all_members_are_on_is_told_once() -> None:
    heard: list[str] = []
    trained(config_of(base_models="lstm,gru", training__max_epochs=1), Callbacks(message=heard.append))
    for word in ("Device", "Precision", "Batch size", "Threads"):
        assert sum(f": {word}: " in text for text in heard) == 1
    assert sum(": Best epoch: 1" in text for text in heard) == 2


def test_time_is_shared_and_what_one_leaves_over_goes_to_the_next() -> None:
    now = [0.0]
    trainings = Trainings(NOTHING, Budget(90.0, clock=lambda: now[0]), 3, None)
    shares = []
    for takes in (30, 10, 60):
        shares.append(trainings.next("lstm")[2].max_seconds)
        now[0] += takes
    assert shares == [30, 30, 50]
    assert Trainings(NOTHING, WHOLE, 3, None).next("lstm")[2] == WHOLE


def test_a_budget_that_ends_members_is_told_once_and_the_rest_goes_on_from_there(tmp_path: Path) -> None:
    config, checkpoint = config_of(base_models="lstm,last_row:xgboost"), tmp_path / "checkpoint.safetensors"
    _, first = trained(config, checkpoint=checkpoint, budget=Budget(stop_after_epoch=1))
    assert (first.fit.ended, first.members[0].trained.fit.epochs) == ("stop_after_epoch", 1)
    assert [text for text in first.fit.remarks if "lstm after epoch 1" in text] == list(first.fit.remarks)
    _, whole = trained(config, checkpoint=checkpoint)
    assert whole.fit.ended == "max_epochs"
    assert same_tensors(whole, trained(config)[1])


def test_windows_and_rows_in_one_ensemble_are_refused_by_both_sides_unless_a_row_is_asked_for_as_the_last_one() -> None:
    with pytest.raises(EnsembleCompatibilityError) as refused:
        config_of(base_models="lstm,gru,xgboost")
    assert "lstm, gru read sequences" in refused.value.message
    assert "xgboost read rows" in refused.value.message
    assert "lstm,gru,last_row:xgboost" in (refused.value.hint or "")
    with pytest.raises(EnsembleCompatibilityError, match="one of windows"):
        config_of(base_models="last_row:lstm,gru")
    assert [model.name for model in config_of(base_models="xgboost,logistic").model.member_models] == [
        "xgboost", "logistic"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"base_models": "lstm"}, ConfigError, "two base models"),
        ({"base_models": "lstm,tcm"}, UnknownNameError, "'tcm'"),
        ({"base_models": "lstm,voting"}, ConfigError, "voting is an ensemble"),
        ({"model__members": {"gru": {"hiden": 3}}}, UnknownNameError, "'hiden'"),
        ({"model__members": {"gru": {"symbol_embedding": -1}}}, ConfigError, "gru.symbol_embedding"),
        ({"model__members": {"tcn": {"channels": 3}}}, UnknownNameError, "'tcn'"),
        ({"model__weights": (1, 2, 3)}, ConfigError, "one for each of 2 base models"),
        ({"model__weights": (0, 0)}, ConfigError, "not all 0"),
        ({"model__weights": (1e308, 1e308)}, ConfigError, "with a sum"),
        ({"model__vote": "hard", "target__kind": "forward_return"}, ConfigError, "model.vote hard"),
        ({"name": "stacking", "model__final": "lstm"}, ConfigError, "lstm reads windows"),
        ({"name": "stacking", "model__final": "ridge"}, ConfigError, "ridge predicts values"),
        ({"base_models": "xgboost,logistic", "training__class_weights": "balanced"}, ConfigError, "for networks"),
        ({"base_models": "lstm,last_row:xgboost", "windows__supervise": "every"}, ConfigError, "supervise"),
    ],
)
def test_what_can_not_be_is_refused_in_a_line(settings: dict[str, Any], error: type[ConfigError], words: str) -> None:
    with pytest.raises(error) as refused:
        config_of(**settings)
    assert words in refused.value.message
    assert "\n" not in refused.value.message


def test_members_take_their_own_settings_and_those_of_their_presets_that_nobody_changed() -> None:
    config = config_of(model__sizes="preset", model__members={"gru": {"hidden_size": 48}}, training__learning_rate=0.5)
    lstm, gru = members_of(config)
    assert (lstm.config.model.hidden_size, gru.config.model.hidden_size) == (256, 48)
    assert {member.config.training.learning_rate for member in (lstm, gru)} == {0.5}


def test_what_is_said_of_the_model_and_is_a_field_of_members_is_said_to_them() -> None:
    said = {
        "model.name": "voting",
        "model.base_models": "lstm,last_row:xgboost",
        "model.hidden_size": 9,
        "model.eta": 0.2,
    }
    members = load_config({"model": {"members": {"lstm": {"hidden_size": 3}}}}, overrides=said).model.members
    assert members == {"lstm": {"hidden_size": 9}, "last_row:xgboost": {"eta": 0.2}}
    with pytest.raises(ConfigError, match=r"model\.channels belongs to tcn"):
        load_config(overrides=said | {"model.channels": 3})
    both = load_config(overrides={"model.name": "lstm", "model.hidden_size": 9}, compared=("lstm", "voting"))
    assert both.model.hidden_size == 9


def test_a_bundle_whose_tensor_is_of_no_member_is_refused() -> None:
    config = config_of(base_models="logistic,xgboost")
    prepared, made = trained(config)
    labels = prepared.samples.labels
    shape = Shape(prepared.samples.matrix.names, labels.spec, 1, np.zeros(len(labels.classes)))
    tensors = dict(made.predictor.tensors()) | {"members/2/weights": torch.zeros(1)}
    with pytest.raises(BundleError, match="members/2/weights is of no member"):
        learner_of(config.model).restore(config, shape, tensors, made.predictor.state())


def test_runs_are_members_as_they_were_trained_where_they_saw_what_the_ensemble_may(cli: Cli, tmp_path: Path) -> None:
    """And only there: a run of another split may have learned rows that the ensemble is judged on."""
    words = ("train", *TINY, "--max-epochs", 2, "--json", "-q")
    alone = cli(*words).json
    run = alone["run_id"][:8]
    sizes = ("--set", "model.sizes=tiny")  # of the one that is trained
    made = cli(*words, "--model", "voting", "--base-models", f"{run},gru", "--seed", 7, *sizes).json
    first, second = made["members"]
    assert (first["name"], first["model"], second["model"]) == (run, "lstm", "gru")
    assert (first["seed"], second["seed"]) == (None, 7), "a run was trained with a seed of its own"
    assert (first["epochs"], first["best_epoch"]) == (alone["epochs"], alone["best_epoch"])
    for part, metrics in alone["metrics"].items():
        assert first["metrics"][part]["log_loss"] == pytest.approx(metrics["log_loss"]["value"], abs=1e-12)
    assert cli("train", "--resume", made["run_id"], "--json", "-q").json["metrics"] == made["metrics"]
    predicted = cli("predict", "--model", made["run_id"], "--source", "sp500", "-o", tmp_path / "all.csv", "-q")
    assert predicted.code == 0, predicted.err
    voting = ("--model", "voting", "--base-models", f"{run},gru")
    refused = {
        ("train", *TINY, *voting, "--set", "split.train=0.6", "--set", "split.val=0.25"): "split.train: 0.7 then",
        ("train", *TINY, *voting, "--end", "2015-01-01"): "of the ensemble's data",
        ("train", *TINY, "--model", "stacking", "--base-models", f"{run},gru"): "knows them all",
        ("train", *TINY, *voting, "--set", f"model.members.{run}.hidden_size=7"): "a member as it was trained",
        ("train", *TINY, "--model", "voting", "--base-models", f"{run},gru,{run}"): "a run is a member once",
        ("cv", *TINY, *voting): "is a run; runs are members",
    }
    for said, why in refused.items():
        answer = cli(*said, "-q")
        assert answer.code == 2, said
        assert why in answer.err, said
    (Path(alone["bundle"]).parent / "metrics.json").write_text('{"ended":', encoding="utf-8")
    assert "can't be read again" in cli("train", *TINY, *voting, "-q").err
