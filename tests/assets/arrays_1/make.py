"""How the folders beside this file were made, by gatewise 0.1 (commit 7ce78d9): `PYTHONPATH=src python make.py` there.

Two models on arrays as `save` left them, and expected.json: what they predicted of the first five windows.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def windows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(80, 4, 2)).astype(np.float32)


if __name__ == "__main__":
    from gatewise import ModelRegistry

    small = {"hidden_size": 3, "num_layers": 1, "batch_size": 16, "max_epochs": 2, "device": "cpu"}
    x = windows()
    y, values = (x[:, -1, 0] > 0).astype(int), x[:, -1, 1] * 2
    classes = ModelRegistry.create("lstm", **small).fit(x[:60], y[:60], x[60:], y[60:])
    numbers = ModelRegistry.create("gru", optimizer="sgd", scheduler="step", **small)
    numbers.fit(x[:60], values[:60], x[60:], values[60:])
    classes.save(HERE / "classes")
    numbers.save(HERE / "values")
    expected = {
        "classes": classes.predict_proba(x[:5]).tolist(),
        "values": np.ravel(numbers.predict(x[:5])).tolist(),
    }
    (HERE / "expected.json").write_text(json.dumps(expected), encoding="utf-8")
