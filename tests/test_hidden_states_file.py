"""Hidden states of a run as a file: the model's own head, laid over them, gives the predictions beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from conftest import TINY, Cli
from gatewise.bundle import Bundle


def test_the_head_laid_over_the_states_gives_the_predictions_of_the_same_rows(cli: Cli, tmp_path: Path) -> None:
    run = cli(
        "train", *TINY, "--model", "gru", "--calibration", "none", "--set", "training.max_epochs=1", "--json", "--quiet"
    ).json
    out, file = tmp_path / "out.parquet", tmp_path / "states.parquet"
    words = ("--source", "sp500", "-o", out, "--hidden-states", file, "--json", "--quiet")
    said = cli("predict", "--model", run["run_id"], *words)
    assert said.code == 0, said.err + said.out
    assert said.json["hidden_states"] == str(file)
    predictions, states = pl.read_parquet(out), pl.read_parquet(file)
    keys = ["symbol", "time", "Date"]
    assert predictions.select(keys).equals(states.select(keys))
    assert states.columns == [*keys, *(f"state_{n}" for n in range(4))]
    assert set(states.dtypes[3:]) == {pl.Float32}
    head = Bundle.load(run["bundle"]).predictor.module.head
    logits = states.drop(keys).to_numpy() @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert predictions.select("prob_down", "prob_flat", "prob_up").to_numpy() == pytest.approx(shares, abs=1e-5)


def test_what_can_not_be_written_is_refused_before_anything_is(cli: Cli, tmp_path: Path) -> None:
    words = ("--source", "sp500", "--horizon", "3", "--seq-len", "1", "--set", "evaluation.bootstrap_samples=50")
    run = cli("train", *words, "--model", "logistic", "--json", "--quiet").json
    out, file = tmp_path / "out.csv", tmp_path / "states.csv"
    predict = ("predict", "--model", run["run_id"], "--source", "sp500", "-o", out, "--quiet", "--json")
    for place, message in (
        (file, "logistic has no hidden states"),
        (out, "go to a file each"),
        (tmp_path, "hidden states go to a file"),
        (tmp_path / "states.npy", "written as .csv or .parquet"),
    ):
        said = cli(*predict, "--hidden-states", place)
        assert said.code == 2
        assert message in said.json["error"]["message"]
        assert said.json["error"]["hint"]
    assert not out.exists()
    assert not file.exists()
    assert "--hidden-states" in cli("predict", "--help").out
