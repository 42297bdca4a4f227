"""A run's model in MLflow's hands: a process that knows MLflow alone predicts what the run's own bundle predicted.

A loader that reads stamps, symbols or columns otherwise would give numbers that look as good.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from conftest import TINY, Cli
from gatewise.config.schema import DataConfig
from gatewise.data.load import load_table
from gatewise.registry.flavour import example_rows

# In a process of its own, as somebody would who never saw the run's folder.
FRESH = """
import sys, warnings
import mlflow, pandas
warnings.simplefilter("ignore")
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(f"runs:/{sys.argv[2]}/model")
frame = pandas.read_csv(sys.argv[3])
frame.index = range(100, 100 + len(frame))
predicted = model.predict(frame)
assert (predicted.index == frame.index).all()
assert list(predicted.columns) == [column.name for column in model.metadata.signature.outputs]
predicted.to_parquet(sys.argv[4], index=False)
example = model.predict(model.input_example)
assert example.notna().all(axis=1).sum() == 2 and example.iloc[-1].notna().all()
"""


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """Two symbols in one file, dates as text, whole volumes, rows in the order of time."""
    rng = np.random.default_rng(0)
    day = pl.datetime_range(pl.datetime(2015, 1, 1), pl.datetime(2017, 6, 1), "1d", eager=True).dt.strftime("%Y-%m-%d")
    parts = []
    for symbol in ("AAA", "BBB"):
        close = 100 * np.exp(np.cumsum(0.01 * rng.normal(size=len(day))))
        prices = {"Open": close * 0.999, "High": close * 1.01, "Low": close * 0.99, "Close": close}
        parts.append(pl.DataFrame({"Ticker": symbol, "Date": day} | prices | {"Volume": rng.integers(1, 99, len(day))}))
    path = tmp_path / "bars.csv"
    pl.concat(parts).sort("Date", "Ticker").write_csv(path)
    return path


def test_a_process_that_knows_mlflow_alone_predicts_what_the_run_did(cli: Cli, gatewise_home: Path, bars: Path) -> None:
    decides = ("--decision", "probability", "--set", "decision.threshold=0.4", "--set", "split.train=0.5")
    said = cli("train", *TINY[2:], *decides, "--set", "split.val=0.35", "--data", bars, "--json", "--quiet").json
    folder = gatewise_home / "artifacts" / said["run_id"] / "artifacts" / "model"
    made = gatewise_home / "made.parquet"
    tracker = f"sqlite:///{gatewise_home / 'mlflow.db'}"
    words = [sys.executable, "-c", FRESH, tracker, said["run_id"], str(bars), str(made)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # A day's bar is knowable when the day is over.
    predicted = pl.concat([pl.read_csv(bars, try_parse_dates=True), pl.read_parquet(made)], how="horizontal")
    keys = (pl.col("Date").cast(pl.Datetime("us", "UTC")) + pl.duration(days=1)).alias("time")
    predicted = predicted.with_columns(keys, symbol=pl.col("Ticker"))
    kept = pl.read_parquet(said["predictions"])
    both = kept.join(predicted, on=["symbol", "time"], how="left", suffix="_again")
    assert both.height == kept.height > 100
    for name in ("prob_down", "prob_flat", "prob_up", "label", "action", "reason"):
        assert both[name].equals(both[f"{name}_again"], check_names=False)

    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"MLmodel", "bundle.json", "input_example.json"}
    assert not [path for path in files if path.suffix in (".pkl", ".pickle", ".cloudpickle")]
    for path in (folder / "bundle").iterdir():
        assert path.samefile(Path(said["bundle"]) / path.name), "stored once"
    flavours = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))["flavors"]
    assert list(flavours) == ["python_function"]


def test_an_example_is_the_files_own_rows_or_none(bars: Path, tmp_path: Path) -> None:
    spec = DataConfig(paths=(str(bars),))
    table = load_table(spec)
    example = example_rows(spec, table, 3)
    assert example is not None
    assert example.rows() == pl.read_csv(bars).head(3).rows()
    bannered = tmp_path / "banner.csv"
    bannered.write_text("prices of some days\n\n" + bars.read_text())
    for other in (bannered, tmp_path / "absent.csv"):
        assert example_rows(DataConfig(paths=(str(other),)), table, 3) is None
    sample = DataConfig(source="sp500")
    assert example_rows(sample, table, 3) is not None
