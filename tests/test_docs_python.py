"""Every block of Python that the documents show runs as it stands: in order, with the names that its page speaks of."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from api_frames import bars
from audit_tables import small_experiment
from gate_runs import plant
from gatewise.bundle import Bundle
from gatewise.features.scaling import fit_scaler
from gatewise.fold import fit_fold
from gatewise.learners.table import learner_of
from gatewise.models.registry import build_model
from gatewise.samples import make_samples
from gatewise.targets.outputs.classes import Classes
from gatewise.training.device import choose_precision
from gatewise.training.listeners import Listeners
from gatewise.windows import Windows
from page_examples import PAGES as SHOWN
from page_examples import python_blocks
from tune_worlds import small_config, small_table

Names = dict[str, Any]


PAGES = [page for page in SHOWN if python_blocks(page)]


def readme(folder: Path) -> Names:
    bars().drop("symbol").write_parquet(folder / "BTCUSDT-1m.parquet")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 5, 3)).astype(np.float32), rng.integers(0, 2, 60)
    return {"X_train": x, "y_train": y, "X_test": x[:5]}


def bundle(folder: Path) -> Names:
    """A run's bundle where the page says that one lies, untrained, and a file of new rows."""
    config, table = small_experiment(features__sets=["ohlcv"], model__hidden_size=3, model__num_layers=1), small_table()
    samples = make_samples(config, table)
    fold = fit_fold(config, samples, samples.rows)
    made = Bundle.of(config, samples, fold, learner_of(config.model).sketch(config, samples, fold, samples.rows))
    made.save(folder / "gatewise-runs" / "runs" / "3f2a" / "bundle")
    table.frame.drop("symbol").write_parquet(folder / "new.parquet")
    return {}


def evaluation(_: Path) -> Names:
    rng = np.random.default_rng(0)
    return {
        "y": rng.integers(0, 3, 100),
        "prob": rng.dirichlet(np.ones(3), 100),
        "actual": rng.normal(size=(100, 1)),
        "predicted": np.zeros((100, 1)),
    }


def fleet(_: Path) -> Names:
    config = small_experiment(model__hidden_size=3, model__num_layers=1, training__max_epochs=1)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(120, 2)).astype(np.float32), rng.integers(0, 2, 120)
    scaler = fit_scaler("standard", x, np.arange(120), ("a", "b"))
    windows = Windows.over(x, scaler, 4, torch.device("cpu")).supervised(y, np.ones(120, np.float32))
    settings = config.training.model_copy(update={"batch_size": 32})
    return {
        "models": [build_model(config.model, 2, 2) for _ in range(3)],
        "windows": windows,
        "train_rows": np.arange(4, 80),
        "val_rows": np.arange(90, 120),
        "settings": settings,
        "precision": choose_precision("fp32", torch.device("cpu")),
        "spec": Classes(("down", "up")),
        "listeners": [Listeners(()) for _ in range(3)],
    }


def gates(folder: Path) -> Names:
    return {"run_id": str(plant(folder))}


def overfitting(_: Path) -> Names:
    rng = np.random.default_rng(0)
    prob = {name: rng.dirichlet(np.ones(3), 400) for name in ("lstm", "gru")}
    y, prior = rng.integers(0, 3, 400), np.full((400, 3), 1 / 3)
    losses = {f"{name}_loss": -np.log(of[np.arange(400), y]) for name, of in prob.items()}
    returns = {f"{name}_returns": rng.normal(size=400) for name in prob}
    rows = {"time_us": np.arange(400), "symbol": np.zeros(400, np.int64), "fold": np.repeat([0, 1], 200)}
    return {
        "prob": prob,
        "y": y,
        "prior_prob": prior,
        "prior_loss": np.full(400, np.log(3)),
        **losses,
        **returns,
        **rows,
    }


def tuning(_: Path) -> Names:
    return {"config": small_config(), "table": small_table()}


def architecture(_: Path) -> Names:
    return {"__name__": "mypkg.nets"}


def compare(_: Path) -> Names:
    return {"frame": bars().to_pandas()}


def python(folder: Path) -> Names:
    bars().drop("symbol").write_parquet(folder / "bars.parquet")
    return {}


# What the reader has at hand on each page.
GIVEN: dict[str, Callable[[Path], Names]] = {
    "README": readme, "architecture": architecture,
    "bundle": bundle, "compare": compare, "evaluation": evaluation, "fleet": fleet, "gates": gates,
    "online": compare, "overfitting": overfitting,
    "python": python, "scikit-learn": lambda _: {}, "tuning": tuning, "volatility": compare,
}  # fmt: skip

# Smaller and shorter, or a page's settings would train for minutes.
SMALLER = {
    '"gru", "xgboost"], max_time="10m", horizon=20': "'logistic'], max_time='4s', horizon=2, seq_len=4, hidden_size=3, "
    "num_layers=1, n_splits=2, batch_size=64, sets=['ohlcv']",
    "horizon=20, history=True": "horizon=1, history=True, sets=[], seq_len=4, hidden_size=3, max_epochs=1",
    "hidden_size=128": "hidden_size=4, batch_size=32, max_epochs=1",
    '"training.batch_size": 128': '"training.batch_size": 128, "training.max_epochs": 1',
    "[16, 32]": "[2, 3]",
    'models="logistic", online="day"': "models='logistic', online='1d', horizon=2, seq_len=4, sets=['ohlcv'], "
    "n_splits=2",
    "n_trials=20": "n_trials=2",
    "horizon=20, seq_len=60": "horizon=2, seq_len=4, hidden_size=3, num_layers=1, batch_size=64, max_epochs=1",
    '"max_epochs": 2}': '"max_epochs": 1, "sequence_length": 4, "num_layers": 1, "batch_size": 64}',
    "gw.audit(frame, horizon=20)": "gw.audit(frame, horizon=2, seq_len=4, hidden_size=3, num_layers=1, sets=['ohlcv'])",
    "n_splits=3, seeds=2": "n_splits=2, seeds=2, seq_len=4, hidden_size=3, num_layers=1, sets=['ohlcv'], max_epochs=1",
    "horizons=[5, 20]": "workers=1, horizons=[2, 3]",
    "n_trials=8)": "n_trials=2, workers=0, horizon=2, seq_len=4, batch_size=64, max_epochs=1, sets=['ohlcv'])",
    '"target.horizon": 5': '"target.horizon": 5, "model.hidden_size": 4',
}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_block_of_python_on_a_page_runs_in_order(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    names = GIVEN[page.stem](tmp_path)
    for number, code in enumerate(python_blocks(page), start=1):
        for whole, small in SMALLER.items():
            code = code.replace(whole, small)
        exec(compile(code, f"{page.name}, block {number}", "exec"), names)


@pytest.mark.parametrize("page", SHOWN[1:], ids=lambda path: path.stem)
def test_python_is_shown_in_blocks_that_are_run(page: Path) -> None:
    indented = re.findall(r"^ {4}(?:from \S+ import|import) .*$", page.read_text(encoding="utf-8"), re.MULTILINE)
    shown = "\n".join(python_blocks(page))
    assert [line for line in indented if line not in shown] == []
