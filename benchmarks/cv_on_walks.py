"""What cross-validation says of random walks, which hold nothing to find: `python benchmarks/cv_on_walks.py [WALKS]`.

Two models x two horizons x three seeds x four folds on each walk, with real features, so that no model says the same of
every row. Printed: how often the interval of accuracy holds one half, how often a model is called better than the
prior, and the probability of backtest overfitting by several readings of "performance" and "trial". The first is what
`gatewise cv` reports. "Fresh coins" judges the same predictions on outcomes that are coin flips, which nobody can have
foretold: what then differs from one half is a difference between the trials that lasts, and not in what they know.
"""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import timedelta
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.config.load import load_config
from gatewise.data.table import Table
from gatewise.jobs.places import InProcess
from gatewise.selection.cv.cv import cross_validate, start_cv
from gatewise.selection.cv.outcome import CvOutcome
from gatewise.selection.cv.plan import Plan
from gatewise.selection.luck.cscv import backtest_overfitting, overfitting_of_sums
from gatewise.selection.luck.skill import class_skill, skill_of_sums, skill_parts

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

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
    def on_stretch(self, *_: object) -> None: ...
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
    probs, up, prior, fold = by_trial(outcome)
    coins = rng.integers(0, 2, len(up))
    prob = np.column_stack([probs[key] for key in sorted(probs)])
    lstm = [place for place, (model, _) in enumerate(sorted(probs)) if model == "lstm"]
    models = np.column_stack([prob[:, lstm].mean(axis=1), np.delete(prob, lstm, axis=1).mean(axis=1)])
    named = {"6 models x seeds": prob, "3 seeds of one model": prob[:, lstm], "2 models": models}
    one_horizon = {
        f"{by}; {words}{outcomes}": of(said, came, prior)
        for words, said in named.items()
        for outcomes, came in ((", one horizon", up), (", on fresh coins", coins))
        for by, of in (("skill", partial(by_skill, fold)), ("loss", by_loss))
    }
    return {
        "log loss; 4 models x horizons (as reported)": found.pbo.value,
        "skill; 4 models x horizons": found.skill_pbo.value,
        "strategy's Sharpe net of cost; 4 models x horizons": found.strategy_pbo.value,
        **one_horizon,
    }


def by_skill(fold: Ints, prob: Floats, up: Ints, prior: Floats) -> float | None:
    pairs = [class_skill(np.column_stack([1 - p, p]), np.column_stack([1 - prior, prior]), up, fold) for p in prob.T]
    parts = np.stack([skill_parts(*pair) for pair in pairs], axis=-1)
    return overfitting_of_sums(parts, skill_of_sums, prob.shape[1], gap=HORIZON).value


def by_loss(prob: Floats, up: Ints, prior: Floats) -> float | None:
    gained = np.log(np.where(up[:, None] == 1, prob, 1 - prob))
    return backtest_overfitting(gained, gap=HORIZON).value


def by_trial(outcome: CvOutcome) -> tuple[dict[tuple[str, int], Floats], Ints, Floats, Ints]:
    """Of the first horizon: the probability of up by model and seed, whether it went up, the prior's word, the fold."""
    said = pl.read_parquet(outcome.out_of_fold).filter(pl.col("horizon") == HORIZON).sort("time")
    probs = {
        (str(model), -1 if seed is None else int(seed)): own["prob_up"].to_numpy().astype(np.float64)
        for (model, seed), own in said.group_by("model", "seed", maintain_order=True)
    }
    prior = probs.pop(("prior", -1))
    rows = said.filter(pl.col("model") == "prior")
    up = (rows["target"] == "up").to_numpy().astype(np.int64)
    return probs, up, prior, rows["fold"].to_numpy().astype(np.int64)


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
                    praised += of.judgement.verdict == "better"
            for name, value in readings(outcome, np.random.default_rng(seed)).items():
                values.setdefault(name, []).extend([] if value is None else [value])
    print(f"{walks} walks: accuracy's interval holds 0.5 in {held} of {judged}; called better than prior: {praised}")
    for name, found in values.items():
        error = np.std(found, ddof=1) / np.sqrt(len(found))
        print(f"PBO {np.mean(found):.2f} +- {error:.2f}, from {min(found):.2f} to {max(found):.2f}   {name}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 16)
