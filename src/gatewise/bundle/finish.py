"""From what a model says, in the unit that it learned in, to predictions: calibrated, in the label's own unit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewise.bundle.record import Record
from gatewise.data.table import Table
from gatewise.features.symbols import Codes
from gatewise.rows import parts_of
from gatewise.targets.learned import Units, start_values
from gatewise.targets.outputs.base import Floats, OutputSpec


def finish(
    record: Record,
    spec: OutputSpec,
    table: Table,
    rows: npt.NDArray[np.int64],
    codes: Codes | None,
    learned: Floats,
    out: Floats,
    calibrate: bool,
) -> None:
    """Writes predictions of `rows` to `out`, which may be `learned` itself; both float64 [rows, num_outputs].

    Args:
        codes: of the table's rows, each one's symbol; `None` where nothing is fitted to them.
        calibrate: false leaves out what validation rows have set right.
    """
    calibrator = record.calibrator if calibrate else None
    scaler = record.target_scaler and record.target_scaler.over(record.symbols)
    for part in parts_of(*out.shape):
        predicted = learned[part] if calibrator is None else calibrator(spec, learned[part])
        if scaler is not None:
            start = start_values(table, spec, rows[part]) if record.least else None
            of_part = None if codes is None else codes[rows[part]]
            predicted = Units(spec, scaler, of_part, start, record.least).unscale(predicted)
        out[part] = predicted
