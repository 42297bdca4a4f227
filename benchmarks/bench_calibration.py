"""How calibrated runs are on their test rows, beside what chance alone leaves: `bench_calibration.py RUN_FOLDER …`.

Calibration errors are never 0. The floor is what a model shows whose labels are drawn from its own probabilities, as
often as many rows and with labels that overlap as those of a return over the horizon do: the normal number behind a
row's label is a sum over the next rows. 20 draws; the mean, and what one in twenty exceeds.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import yaml
from scipy.special import ndtr

from gatewise.evaluation.class_metrics import classification_metrics

DRAWS = 20
ERRORS = ("ece", "ece_width", "ece_classwise")


def floors(prob: npt.NDArray[np.float64], horizon: int, seed: int = 0) -> dict[str, npt.NDArray[np.float64]]:
    """{error: float64 [DRAWS]} of labels that come as `prob` says."""
    rng = np.random.default_rng(seed)
    names = [str(number) for number in range(prob.shape[1])]
    drawn: dict[str, list[float]] = {name: [] for name in ERRORS}
    for _ in range(DRAWS):
        total = np.concatenate([[0.0], np.cumsum(rng.normal(size=len(prob) + horizon - 1))])
        place = ndtr((total[horizon:] - total[:-horizon]) / np.sqrt(horizon))
        y = np.minimum((place[:, None] > prob.cumsum(axis=1)).sum(axis=1), prob.shape[1] - 1)
        found = classification_metrics(y, prob, names)
        for name in ERRORS:
            drawn[name].append(found[name])
    return {name: np.array(values) for name, values in drawn.items()}


def line(folder: Path) -> str:
    """A run as a line of the table."""
    answer = json.loads((folder / "metrics.json").read_text())
    config = yaml.safe_load((folder / "config.yaml").read_text())
    rows = pl.read_parquet(folder / "predictions.parquet").filter(pl.col("part") == "test")
    prob = rows.select(pl.col("^prob_.*$")).to_numpy()
    after, target = answer["metrics"]["test"], config["target"]
    before = answer["calibration"]["uncalibrated"].get("test", after)
    floor = floors(prob, target["horizon"])
    errors = [
        f"{before[name]['value']:.2%} → {after[name]['value']:.2%} ({floor[name].mean():.2%}, "
        f"{np.quantile(floor[name], 0.95):.2%})"
        for name in ERRORS
    ]
    loss = f"{before['log_loss']['value']:.4f} → {after['log_loss']['value']:.4f}"
    what = (config["model"]["name"], target["kind"], str(target["horizon"]), answer["calibration"]["method"])
    return f"| {' | '.join([*what, f'{len(prob):,}', *errors, loss])} |"


def main() -> None:
    head = ("model", "target", "horizon", "method", "test rows", "ECE", "equal width", "classwise", "log loss")
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for folder in sys.argv[1:]:
        print(line(Path(folder)), flush=True)


if __name__ == "__main__":
    main()
