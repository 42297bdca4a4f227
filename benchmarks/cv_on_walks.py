"""What cross-validation says of random walks, which hold nothing to find: `python benchmarks/cv_on_walks.py [WALKS]`.

Two models x two horizons x three seeds x four folds on each walk, with real features, so that no model says the same of
every row. Printed: how often the interval of accuracy holds one half, how often a model is called better than the
prior, and the probability of backtest overfitting by several readings of "performance" and "trial". The first is what
`gatewise cv` reports. The last is a control, coin flips of the same shape, whose true value is one half.
"""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.config.load import load_config
from gatewise.data.table import Table
from gatewise.selection.compute import InProcess
from gatewise.selection.cscv import backtest_overfitting
from gatewise.selection.cv import cross_validate, start_cv
from gatewise.selection.outcome import CvOutcome
from gatewise.selection.plan import Plan

ROWS, HORIZON = 2_500, 2
SAID = {
    "target.kind": "direction", "windows.sequence_length": 4, "split.embargo_rows": 2, "cv.n_splits": 4,
    "features.clip": 5.0, "model.hidden_size": 8, "model.num_layers": 1, "training.batch_size": 64,
    "training.max_epochs": 6, "training.warmup_epochs": 0, "training.device": "cpu",
}  # fmt: skip


class Nobody:
    def on_plan(self, *_: object) -> None: ...
    def on_start(self, *_: object) -> None: ...
    def on_epoch(self, *_: object) -> None: ...
    def on_end(self, *_: object) -> None: ...


def walk(seed: int) -> Table:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, ROWS)))
    opened = close * np.exp(rng.normal(0, 1e-3, ROWS))
    high, low = (edge(opened, close) for edge in (np.maximum, np.minimum))
    reach = np.exp(np.abs(rng.normal(0, 1e-3, (2, ROWS))))
    times = pl.Series(np.arange(ROWS) * 60_000_000 + 1_700_000_000_000_000).cast(pl.Datetime("us", "UTC"))
    prices = {"open": opened, "high": high * reach[0], "low": low / reach[1], "close": close}
    volume = rng.lognormal(3, 1, ROWS)
    frame = pl.DataFrame({"symbol": ["WALK"] * ROWS, "time": times, **prices, "volume": volume})
    return Table(frame, timedelta(minutes=1), timedelta(minutes=1))


def readings(outcome: CvOutcome, rng: np.random.Generator) -> dict[str, float | None]:
    found = outcome.overfitting
    loss, hits = by_trial(outcome)
    lstm = [place for place, (model, _) in enumerate(sorted(loss)) if model == "lstm"]
    losses, right = (np.column_stack([of[key] for key in sorted(of)]) for of in (loss, hits))
    models = np.column_stack([right[:, lstm].mean(axis=1), np.delete(right, lstm, axis=1).mean(axis=1)])
    trials = {
        "loss; 6 models x seeds, one horizon": -losses,
        "accuracy; 6 models x seeds, one horizon": right,
        "accuracy; 3 seeds of one model": right[:, lstm],
        "accuracy; 2 models, seeds averaged": models,
        "control: coin flips, 6 trials": rng.integers(0, 2, right.shape).astype(float),
    }
    return {
        "loss; 4 models x horizons (as reported)": found.pbo.value,
        "strategy's Sharpe net of cost; 4 models x horizons": found.strategy_pbo.value,
        **{name: backtest_overfitting(of, gap=HORIZON).value for name, of in trials.items()},
    }


def by_trial(outcome: CvOutcome) -> tuple[dict[tuple[str, int], npt.NDArray[np.float64]], ...]:
    said = pl.read_parquet(outcome.out_of_fold).filter((pl.col("model") != "prior") & (pl.col("horizon") == HORIZON))
    loss, hits = {}, {}
    for (model, seed), own in said.group_by("model", "seed"):
        own = own.sort("time")
        up, prob = (own["target"] == "up").to_numpy(), own["prob_up"].to_numpy().astype(np.float64)
        loss[str(model), int(seed)] = -np.log(np.where(up, prob, 1 - prob))  # type: ignore[call-overload]  # an int
        hits[str(model), int(seed)] = ((prob > 0.5) == up).astype(np.float64)  # type: ignore[call-overload]
    return loss, hits


def main(walks: int) -> None:
    models = {name: load_config(overrides=SAID | {"model.name": name}) for name in ("lstm", "gru")}
    plan = Plan(models, (HORIZON, 2 * HORIZON), num_seeds=3)
    values: dict[str, list[float]] = {}
    held = judged = praised = 0
    for seed in range(walks):
        with tempfile.TemporaryDirectory() as home:
            os.environ["GATEWISE_HOME"] = home
            outcome = cross_validate(plan, start_cv(plan), InProcess(), Nobody(), table=walk(seed))
            for of in outcome.summaries:
                accuracy = of.metrics["accuracy"]
                if of.model != "prior" and accuracy.low is not None and accuracy.high is not None:
                    held += accuracy.low <= 0.5 <= accuracy.high
                    judged += 1
                    praised += of.beats_prior is True
            for name, value in readings(outcome, np.random.default_rng(seed)).items():
                values.setdefault(name, []).extend([] if value is None else [value])
    print(f"{walks} walks: accuracy's interval holds 0.5 in {held} of {judged}; called better than prior: {praised}")
    for name, found in values.items():
        error = np.std(found, ddof=1) / np.sqrt(len(found))
        print(f"PBO {np.mean(found):.2f} +- {error:.2f}, from {min(found):.2f} to {max(found):.2f}   {name}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 16)
