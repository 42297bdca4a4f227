"""Whatever learns goes through one protocol: every registered model is trained, kept, judged and compared alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import TINY, Cli
from gatewise.bundle import Bundle
from gatewise.config.load import load_config
from gatewise.config.schema import MODEL_CONFIGS, ExperimentConfig
from gatewise.errors import BundleError, ConfigError
from gatewise.experiment import Prepared, prepare
from gatewise.learners.base import Inputs, Trained
from gatewise.learners.table import train_model
from gatewise.models.registry import MODELS
from gatewise.sealed import read_sealed, write_sealed
from gatewise.training.listeners import Listeners
from symbol_worlds import SMALL, far_levels
from zoo import ENSEMBLES, ROWS

PLAIN = ("--source", "sp500", "--horizon", "3", "--seq-len", "8", "--set", "features.sets=[ohlcv]")
QUICK = ("--set", "evaluation.bootstrap_samples=50", "--json", "--quiet")


def config_of(name: str, **more: Any) -> ExperimentConfig:
    """A small experiment of any model: logistic learns classes, ridge numbers, HAR volatility, the others either."""
    kinds = {"classes": "direction", "values": "forward_return", "volatility": "realized_volatility"}
    kind: dict[str, Any] = {"target.kind": kinds[MODEL_CONFIGS[name].targets[0]]}
    if MODEL_CONFIGS[name].reads != "features":
        kind |= {"target.horizon": 1}  # 22 of them lie before each row
    if name == "harq":
        kind |= {"target.measure": "column", "target.column": "volume", "target.quarticity": "volume"}
    small = {key: value for key, value in SMALL.items() if not key.startswith(("model.", "target."))}
    section = MODEL_CONFIGS[name]
    small |= {f"model.{field}": value for field, value in section.sized(section.tiny).items()}
    if name in ENSEMBLES:
        small |= {"model.base_models": "gru,last_row:xgboost", "split.embargo_rows": 1}
    small |= {"model.n_splits": 2} if name == "stacking" else {}
    return load_config(
        overrides=small | kind | {"features.sets": ["ohlcv"], "features.columns": []} | more | {"model.name": name}
    )


def trained(config: ExperimentConfig) -> tuple[Prepared, Trained]:
    prepared = prepare(config, far_levels(500, "A" if config.model.reads == "returns" else "AB"))
    rows = prepared.split.train, prepared.split.val
    return prepared, train_model(config, prepared.samples, prepared.fold, *rows, Listeners(()))


@pytest.mark.parametrize("told", [{}, {"features.symbol_onehot": True, "features.scale_by": "symbol"}])
@pytest.mark.parametrize("name", MODELS)
def test_what_is_trained_predicts_the_same_to_the_bit_from_its_folder(
    name: str, told: dict[str, Any], tmp_path: Path
) -> None:
    if told and MODEL_CONFIGS[name].reads != "features":
        pytest.skip("is told of no symbol, see the refusals")
    prepared, made = trained(config_of(name, **told))
    samples, rows = prepared.samples, prepared.split.test
    bundle = Bundle.of(prepared.config, samples, prepared.fold, made.predictor)
    bundle.save(tmp_path / "bundle")
    before = bundle.predict_rows(samples.table, samples.matrix, rows)
    after = Bundle.load(tmp_path / "bundle").predict_rows(samples.table, samples.matrix, rows)
    assert np.array_equal(before, after)
    direct = made.predictor.predict(Inputs.of(prepared.config, samples, prepared.fold, rows, "cpu"))
    if samples.labels.classes:
        assert np.array_equal(direct, before)
        np.testing.assert_allclose(before.sum(axis=1), 1)
    alone = bundle.predict_rows(samples.table, samples.matrix, rows[3:4])
    assert np.array_equal(alone, before[3:4]), "a row's numbers must not depend on the rows beside it"


@pytest.mark.parametrize(
    ("name", "target"),
    [("logistic", "direction"), ("xgboost", "direction"), ("ridge", "forward_return"), ("xgboost", "forward_return")],
)
def test_a_baseline_is_the_model_of_its_name_to_the_bit_and_never_its_own(cli: Cli, name: str, target: str) -> None:
    network = ("--hidden-size", "2", "--num-layers", "1", "--max-epochs", "1")
    beside = cli("train", *PLAIN, *network, "--target", target, *QUICK).json
    own = cli("train", *PLAIN, "--model", name, "--target", target, "--calibration", "none", *QUICK).json
    for part in ("val", "test"):
        for metric, found in beside["baselines"][name][part].items():
            assert own["metrics"][part][metric]["value"] == found["value"], (part, metric)
    assert name in beside["baselines"]
    assert name not in own["baselines"]
    assert own["ended"] == "fitted"


def test_val_rows_that_chose_nothing_are_not_said_to_flatter(cli: Cli, gatewise_home: Path) -> None:
    said = cli("train", *PLAIN, "--model", "logistic", *QUICK[:2])
    assert said.code == 0, said.err
    assert "chose the epoch" not in said.out
    (report,) = gatewise_home.glob("runs/*/report.html")
    assert "chose the epoch" not in report.read_text(encoding="utf-8")


def test_networks_and_models_of_one_row_are_compared_and_tuned_by_the_same_commands(cli: Cli) -> None:
    words = (*TINY[:2], *TINY[4:], "--horizons", "3", "--n-splits", "2")
    compared = cli("cv", *words, "--models", "lstm,logistic,xgboost", "--json", "--quiet")
    assert compared.code == 0, compared.err
    models = {fold["model"] for fold in compared.json["folds"]}
    assert models == {"lstm", "logistic", "xgboost", "prior"}
    tuned = cli("tune", *PLAIN, "--model", "logistic", "--n-trials", "2", "--n-splits", "2", "--json", "--quiet")
    assert tuned.code == 0, tuned.err
    assert {"strength"} == {name.rpartition(".")[2] for name in tuned.json["best"]["params"]}


def test_a_run_of_one_row_is_gone_on_with_predicted_with_and_audited(
    cli: Cli, gatewise_home: Path, tmp_path: Path
) -> None:
    run = cli("train", *PLAIN, "--model", "xgboost", *QUICK).json
    again = cli("train", "--resume", run["run_id"], "--json", "--quiet").json
    assert again["metrics"] == run["metrics"]
    out = tmp_path / "predictions.csv"
    predicted = cli("predict", "--model", run["run_id"][:8], "--source", "sp500", "-o", out, "--quiet")
    assert predicted.code == 0, predicted.err
    assert len(out.read_text().splitlines()) > 1000
    audited = cli("audit", *PLAIN, "--model", "xgboost", "--json", "--quiet")
    assert audited.code == 0, audited.out


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"model.name": "logistic", "target.kind": "forward_return"}, "logistic predicts classes"),
        ({"model.name": "ridge"}, "ridge predicts values"),
        ({"model.name": "xgboost", "windows.supervise": "every"}, "reads one row"),
        ({"model.name": "xgboost", "training.class_weights": "balanced"}, "class_weights is for networks"),
        ({"model.name": "ridge", "target.kind": "forward_return", "training.loss": "mae"}, "loss is for networks"),
        ({"model.name": "xgboost", "training.auto_batch_size": True}, "auto_batch_size is for networks"),
        ({"model.name": "xgboost", "model.hidden_size": 3}, "hidden_size"),
        ({"model.name": "xgboost", "model.max_leaves": 1}, "max_leaves"),
    ],
)
def test_what_a_model_of_one_row_can_not_be_asked_for_is_refused(said: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(overrides=said)


def test_a_fleet_of_models_of_one_row_is_refused(cli: Cli) -> None:
    said = cli(
        "cv", *PLAIN[:2], *PLAIN[4:], "--horizons", "3", "--models", "xgboost", "--n-splits", "2", "--fleet", "on"
    )
    assert said.code == 2
    assert "xgboost can't be trained as a fleet" in said.err


@pytest.mark.parametrize("name", ROWS)
def test_a_state_that_is_no_such_models_is_told_by_its_file(name: str, tmp_path: Path) -> None:
    prepared, made = trained(config_of(name))
    Bundle.of(prepared.config, prepared.samples, prepared.fold, made.predictor).save(tmp_path / "bundle")
    documents, tensors = read_sealed(tmp_path / "bundle")
    for number, (state, arrays) in enumerate(
        [({}, tensors), (documents["model"], {}), ({"booster": {"no": 1}, "outputs": None}, tensors)]
    ):
        folder = tmp_path / str(number)
        write_sealed(folder, documents | {"model": state}, arrays)
        with pytest.raises(BundleError) as refused:
            Bundle.load(folder)
        assert str(folder) in refused.value.message
        json.dumps(refused.value.message)
