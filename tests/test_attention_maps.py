"""What attention read, as people get it: a file beside predictions, arrays in Python, pictures in the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from conftest import TINY, Cli
from gatewise.api.model import Model
from gatewise.bundle import Bundle
from gatewise.data.load import load_table
from gatewise.errors import ConfigError
from gatewise.learners.neural import NeuralPredictor
from gatewise.models.transformer import Transformer
from gatewise.report.attention_figures import attention_layers, step_shares

STEPS, LAYERS, HEADS = 8, 2, 2
SIZES = ("--hidden-size", "8", "--num-layers", LAYERS, "--max-epochs", "1", "--set", f"model.num_heads={HEADS}")


def test_a_run_tells_what_it_read_in_a_file_in_python_and_in_its_report(cli: Cli, tmp_path: Path) -> None:
    run = cli("train", *TINY, *SIZES, "--model", "transformer", "--json", "--quiet").json
    out, file = tmp_path / "out.parquet", tmp_path / "attention.parquet"
    words = ("--source", "sp500", "-o", out, "--attention", file, "--json", "--quiet")
    said = cli("predict", "--model", run["run_id"], *words)
    assert said.code == 0, said.err
    assert said.json["attention"] == str(file)

    # The file: a row a prediction, a column a step, the row itself first.
    written, predictions = pl.read_parquet(file), pl.read_parquet(out)
    keys = ["symbol", "time", "Date"]
    assert written.select(keys).equals(predictions.select(keys))
    assert written.columns == [*keys, *(f"attention_{n}" for n in range(STEPS))]
    of_file = written.drop(keys).to_numpy()
    assert of_file.sum(axis=1) == pytest.approx(1, abs=1e-5)

    # Python: the newest of the same rows, and what the network says of their windows when it is asked by itself.
    bundle = Bundle.load(run["bundle"])
    table = load_table(bundle.reading(overrides={"data.source": "sp500"}))
    attention = Model(Path(run["bundle"])).attention(table, newest=5)
    assert str(attention).startswith(f"Attention of 5 windows: layers {list(attention.layers.shape)}, steps [5, ")
    assert len(str(attention)) < 120
    assert attention.layers.shape == (5, LAYERS, HEADS, STEPS, STEPS)
    assert attention.steps[:, ::-1] == pytest.approx(of_file[-5:], abs=1e-6)
    assert list(attention.time) == list(written["time"][-5:].to_numpy())
    assert set(attention.symbol) == set(written["symbol"].unique())
    assert isinstance(bundle.predictor, NeuralPredictor)
    module = bundle.predictor.module
    assert isinstance(module, Transformer)
    matrix = bundle.features(table)
    scaled = bundle.record.scaler.transform(matrix.values, None, np.float32)
    x = torch.tensor(np.stack([scaled[end - STEPS : end] for end in range(len(scaled) - 4, len(scaled) + 1)]))
    with torch.no_grad():
        assert attention.layers == pytest.approx(module.attention_weights(x).numpy(), abs=1e-5)
    assert attention.steps == pytest.approx(attention.layers[:, -1, :, -1].mean(axis=1), abs=1e-6)

    page = Path(run["report"]).read_text(encoding="utf-8")
    assert "How much steps read of each other" in page
    assert "Mean over the newest 100 windows" in page
    for newest in (0, 1.5, "a"):
        with pytest.raises(ConfigError, match="newest must be a number of rows, 1 or more; got"):
            bundle.attention(table, newest=newest)


def test_a_model_without_attention_refuses_before_anything_is_written(cli: Cli, tmp_path: Path) -> None:
    run = cli("train", *TINY, "--model", "lstm", "--max-epochs", "1", "--json", "--quiet").json
    assert "How much steps read" not in Path(run["report"]).read_text(encoding="utf-8")
    out, file = tmp_path / "out.csv", tmp_path / "attention.csv"
    predict = ("predict", "--model", run["run_id"], "--source", "sp500", "-o", out, "--quiet", "--json", "--attention")
    for place, message in (
        (file, "lstm has no attention"),
        (out, "predictions and attention weights go to a file each"),
        (tmp_path, "attention weights go to a file"),
    ):
        said = cli(*predict, place)
        assert said.code == 2
        assert message in said.json["error"]["message"]
        assert said.json["error"]["hint"]
    assert not out.exists()
    assert not file.exists()


def test_pictures_draw_shares_against_even_ones_and_leave_blank_what_may_not_be_read() -> None:
    even = np.tril(np.ones((4, 4))) / np.arange(1, 5)[:, None]
    skewed = np.full((4, 4), 0.2) + 0.2 * np.eye(4)
    causal, whole = (np.array(trace.z, dtype=float) for trace in attention_layers(np.stack([even, skewed])).data)
    assert np.isnan(causal).tolist() == (even == 0).tolist()
    assert causal[even > 0] == pytest.approx(1)
    assert np.diag(whole) == pytest.approx(1.6)
    shares = np.array([[0.1, 0.9], [0.3, 0.7]], dtype=np.float32)
    line = next(trace for trace in step_shares(shares).data if trace.name == "mean")
    assert (list(line.x), list(line.y)) == ([-1, 0], pytest.approx([0.2, 0.8]))
