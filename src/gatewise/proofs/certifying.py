"""The rows that certify a decision rule: does anything but the rule move with them?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from gatewise.calibration.fit import fit_calibrator
from gatewise.proofs.base import Case, Check, small_config, some
from gatewise.proofs.fitting import NUM_TRAINED, train_alike
from gatewise.quiet import warnings_only
from gatewise.rows import newest_of


def check_certifying(case: Case) -> Check:
    """Weights and the calibrator stay the same to the bit when the labels of certifying rows hold garbage."""
    samples, split, rng = case.samples, case.split, case.rng("certifying")
    labels, y = samples.labels, samples.labels.y.copy()
    y[split.certify] = labels.spec.random_labels(rng, split.certify.size)
    both = [samples, replace(samples, labels=replace(labels, y=y))]
    train = np.sort(newest_of(split.train, case.table.time_us, NUM_TRAINED))
    val = split.val[:NUM_TRAINED]
    config = small_config(case.config, int(rng.integers(2**31)), len(split.train))
    outputs = rng.normal(size=(len(split.val), labels.spec.num_outputs))
    predicted = labels.spec.predictions(outputs, np.zeros(len(labels.classes)))
    with warnings_only("gatewise"):
        folds = [case.parts.fit_fold(case.config, one, split.train) for one in both]
        before, after = train_alike(case, config, both, folds, train, val)
        calibrators = [
            fit_calibrator(case.config, one, fold, split.val, predicted) for one, fold in zip(both, folds, strict=True)
        ]
    if moved := [name for name, weight in before.items() if not torch.equal(weight, after[name])]:
        return Check("certifying", False, f"weights ({some(moved)}) change with labels of certifying rows")
    if calibrators[0] != calibrators[1]:
        return Check("certifying", False, "the calibrator changes with labels of certifying rows")
    return Check(
        "certifying",
        True,
        f"the weights of a small {case.config.model.name} and the calibrator are the same to the bit with garbage as "
        f"the labels of all {split.certify.size:,} certifying rows",
    )
