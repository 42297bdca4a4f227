"""How predictions of each kind are drawn."""

from __future__ import annotations

from gatewise.report.kinds.base import Drawing
from gatewise.report.kinds.classes import ClassesDrawing
from gatewise.report.kinds.quantiles import QuantilesDrawing
from gatewise.report.kinds.sequences import SequencesDrawing
from gatewise.report.kinds.values import ValuesDrawing
from gatewise.report.kinds.volatility import VolatilityDrawing

DRAWINGS: dict[str, Drawing] = {
    "classes": ClassesDrawing(),
    "values": ValuesDrawing(),
    "quantiles": QuantilesDrawing(),
    "sequences": SequencesDrawing(),
    "volatility": VolatilityDrawing(),
}

# The metrics of a cross-validation's tables, whatever is predicted.
BRIEF = tuple(dict.fromkeys(name for drawing in DRAWINGS.values() for name in drawing.brief))
