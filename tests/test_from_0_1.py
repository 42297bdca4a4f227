"""What gatewise 0.1 left on disk is read, predicts what it predicted, and is gone on with.

The files are 0.1's own: tests/assets/v0_1/make.py says how they were made.
"""

from __future__ import annotations

import json
import runpy
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch  # noqa: F401  # by it conftest.py marks what computes with torch

import gatewise
from conftest import Cli
from gatewise.config.load import build_config, load_config, to_yaml
from gatewise.config.names import FORMER

ASSETS = Path(__file__).parent / "assets" / "v0_1"
EXPECTED: dict[str, Any] = json.loads((ASSETS / "expected.json").read_text(encoding="utf-8"))
# Other processors sum in another order; what is trained on for some epochs drifts further than what is predicted once.
PREDICTED, TRAINED = 1e-4, 5e-3


@pytest.fixture
def left(tmp_path: Path, gatewise_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home as 0.1 left it, moved to where this one is, with its rows in the working folder."""
    with zipfile.ZipFile(ASSETS / "home.zip") as archive:
        archive.extractall(tmp_path)
    assert gatewise_home == tmp_path / "home"
    with sqlite3.connect(gatewise_home / "mlflow.db") as database:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            database.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (EXPECTED["home"], str(gatewise_home))
            )
    monkeypatch.chdir(tmp_path)
    return gatewise_home


def floats(frame: pl.DataFrame) -> dict[str, np.ndarray]:
    return {name: frame[name].to_numpy() for name in frame.columns if frame[name].dtype.is_float()}


def test_the_assets_are_small() -> None:
    assert sum(path.stat().st_size for path in ASSETS.iterdir()) < 200_000


def test_every_config_is_read_and_written_in_todays_form(left: Path) -> None:
    files = sorted(left.rglob("config*.yaml"))
    assert len(files) == 9
    for file in files:
        config = load_config(file)
        again = to_yaml(config)
        former = {name.removeprefix("training.") for name in FORMER} - {"optimizer", "loss"}
        assert not former & build_config_values(again)["training"].keys()
        assert build_config(build_config_values(again)) == config
    sgd = load_config(left / "runs" / EXPECTED["runs"]["values"]["id"] / "config.yaml").training
    assert sgd.optimizer.model_dump() == {"name": "sgd", "weight_decay": 0.001, "momentum": 0.8}
    assert sgd.schedule.model_dump() == {"name": "step", "step_size": 2, "gamma": 0.5}
    plateau = load_config(left / "runs" / EXPECTED["runs"]["plateau"]["id"] / "config.yaml").training
    assert plateau.schedule.model_dump() == {"name": "plateau", "patience": 0, "factor": 0.5}


def build_config_values(text: str) -> dict[str, Any]:
    import yaml

    values: dict[str, Any] = yaml.safe_load(text)
    return values


@pytest.mark.parametrize("name", EXPECTED["runs"])
def test_a_runs_bundle_predicts_what_it_predicted(left: Path, cli: Cli, name: str) -> None:
    run = EXPECTED["runs"][name]
    (left / "mlflow.db").unlink()  # the folder is what counts
    said = cli("predict", "--model", run["id"], "--data", "rows.csv", "--stamp", "close", "-o", "out.parquet", "--json")
    assert said.code == 0, said.out + said.err
    predicted = floats(pl.read_parquet("out.parquet"))
    for column, values in run["predictions"].items():
        np.testing.assert_allclose(predicted[column], values, rtol=0, atol=PREDICTED * np.ptp(values))


@pytest.mark.parametrize("name", EXPECTED["half-done runs"])
def test_a_half_done_run_goes_on_and_ends_as_it_would_have(left: Path, cli: Cli, name: str) -> None:
    expected = EXPECTED["half-done runs"][name]
    said = cli("train", "--resume", expected["id"], "--json", "--quiet")
    assert said.code == 0, said.out + said.err
    folder = left / "runs" / expected["id"]
    history = pl.read_parquet(folder / "history.parquet")
    losses = history.filter(pl.col("name") == "val_loss").sort("step")["value"].to_list()
    assert losses == pytest.approx(expected["val_loss"], rel=TRAINED)
    predicted = floats(pl.read_parquet(folder / "predictions.parquet"))
    for column, values in expected["predictions"].items():
        np.testing.assert_allclose(predicted[column], values, rtol=0, atol=TRAINED * np.ptp(values))


def test_a_half_done_cross_validation_goes_on(left: Path, cli: Cli) -> None:
    words = runpy.run_path(str(ASSETS / "make.py"))["CV"]  # a plan said again must be the one that was begun
    said = cli("cv", "--resume", EXPECTED["cv"], *words, "--json", "--quiet")
    assert said.code == 0, said.out + said.err
    assert not said.json["failures"]
    for model, metrics in EXPECTED["cv summary"].items():
        got = said.json["summary"][model]["log_loss"]["mean"]
        assert got == pytest.approx(metrics["log_loss"]["mean"], rel=TRAINED)


def test_a_half_done_search_goes_on_with_its_trials(left: Path, cli: Cli) -> None:
    said = cli("tune", "--resume", EXPECTED["study"], "--json", "--quiet")
    assert said.code == 0, said.out + said.err
    got = said.json["trials"]
    assert len(got) == len(EXPECTED["trials"])
    for trial, expected in zip(got, EXPECTED["trials"], strict=True):
        assert trial["state"] == expected["state"]
        assert trial["value"] == pytest.approx(expected["value"], rel=TRAINED)
        assert trial["params"] == pytest.approx(expected["params"], rel=1e-5)


def test_its_runs_are_listed(left: Path, cli: Cli) -> None:
    said = cli("runs", "list", "--json")
    assert {run["run_id"] for run in said.json["runs"]} >= {run["id"] for run in EXPECTED["runs"].values()}
    assert gatewise.Bundle.load(left / "runs" / EXPECTED["runs"]["classes"]["id"] / "bundle").record.classes


def test_models_on_arrays_are_loaded_and_predict_what_they_did() -> None:
    folder = ASSETS.parent / "arrays_1"
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    x = runpy.run_path(str(folder / "make.py"))["windows"]()[:5]
    for name, method in (("classes", "predict_proba"), ("values", "predict")):
        predicted = getattr(gatewise.ModelRegistry.load(folder / name), method)(x)
        np.testing.assert_allclose(predicted.reshape(np.shape(expected[name])), expected[name], atol=PREDICTED)
