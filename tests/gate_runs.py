"""Runs whose figures are planted: what a judging of test rows stores, without a training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gatewise.files import write_json
from gatewise.sealed import write_sealed

CLASSES = ("down", "flat", "up")


def bounds(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, float | None]:
    return {"value": value, "low": low, "high": high}


def judged(rows: int = 2000, **metrics: Any) -> dict[str, Any]:
    """What a judging of test rows stores, as metrics.json has it."""
    stored = {"accuracy": bounds(0.6, 0.55, 0.65), "log_loss": bounds(1.0, 0.9, 1.1), "ece": bounds(0.04)}
    stored |= {
        f"recall_{name}": bounds(value, value - 0.1, value + 0.1)
        for name, value in zip(CLASSES, (0.2, 0.7, 0.4), strict=True)
    }
    stored |= {name: value if isinstance(value, dict) else bounds(value) for name, value in metrics.items()}
    prior = {"accuracy": bounds(0.5), "log_loss": bounds(1.05), "ece": bounds(0.01)}
    return {
        "part": "test", "rows": rows, "metrics": stored, "baselines": {"prior": prior, "logistic": prior},
        "deciding_metric": "log_loss", "best_baseline": "logistic", "chance": "prior",
        "differences": {"prior": bounds(-0.05, -0.06, -0.04), "logistic": bounds(-0.02, -0.05, 0.01)},
        "intervals": {"confidence": 0.95, "independent_rows": 80, "reason": None, "without": {"ece": "chance alone"}},
        "backtest": {"sharpe": bounds(1.2, -0.3, 2.7), "max_drawdown": 0.1, "unit": "fraction"},
        "symbols": {},
    }  # fmt: skip


def plant(
    folder: Path,
    part: dict[str, Any] | None = None,
    symbols: tuple[str, ...] = ("BTC",),
    seal: bool = True,
    **results: Any,
) -> Path:
    """A run that was judged so; `seal`: with a bundle."""
    part = judged() if part is None else part
    metrics = {"test": part["metrics"]}
    subject = {
        "source": "",
        "symbols": symbols,
        "timeframe": "1m",
        "models": ["lstm"],
        "target": "tb",
        "horizons": [20],
    }
    write_json(
        folder / "run.json",
        {
            "run_id": "ab" * 16,
            "kind": "train",
            "name": "planted",
            "experiment": "",
            "status": "FINISHED",
            "done": 1,
            "of": 1,
        }
        | {"started": "2026-02-01T00:00:00+00:00", "ended": "2026-02-27T00:00:00+00:00", "score": None, "metrics": {}}
        | {"tags": {}, "parent": None, "mlflow_run_id": "", "process": {}}
        | subject,
    )
    spans = {"train": ["2025-01-01T00:00:00+00:00", "2026-02-19T00:00:00+00:00"]}
    parts = {"val": part, "test": part}
    values = {"metrics": metrics, "judged_on": "test", "spans": spans, "evaluation": {"parts": parts}} | results
    (folder / "metrics.json").write_text(json.dumps(values))
    if seal:
        write_sealed(folder / "bundle", {"bundle": {"metrics": metrics}}, {})
    return folder
