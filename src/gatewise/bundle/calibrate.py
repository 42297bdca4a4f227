"""What validation rows set right in a bundle: the one way from a trained model to what predicts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gatewise.bundle.bundle import Bundle
from gatewise.calibration.fit import calibration_methods, fit_calibrator
from gatewise.fold import FittedFold
from gatewise.samples import Samples
from gatewise.splits.base import Rows


def calibrated(
    bundle: Bundle,
    samples: Samples,
    fold: FittedFold,
    val_rows: Rows,
    learned: npt.NDArray[np.float64] | None = None,
) -> Bundle:
    """The bundle with the calibrator that its config asks for, see `fit_calibrator`; itself where it asks for none.

    Args:
        samples, fold: that it was trained on.
        val_rows: validation rows, from whose labels and inputs the training rows are purged.
        learned: what `Bundle.learned_rows` gave of them, where that is known.
    """
    config = bundle.record.config
    if not calibration_methods(config, bundle.spec.kind):
        return bundle
    if learned is None:
        learned = bundle.learned_rows(samples.table, samples.matrix, val_rows, config.training.device)
    return Bundle(replace(bundle.record, calibrator=fit_calibrator(config, samples, fold, val_rows, learned)))
