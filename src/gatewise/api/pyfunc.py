"""What MLflow loads a run's model by: `mlflow.pyfunc.load_model("runs:/<id>/model").predict(frame)`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gatewise.api.model import Model
from gatewise.data.table import SYMBOL, TIME


class FrameModel:
    """A bundle that predicts frames; what MLflow wraps."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, frame: Any, params: dict[str, Any] | None = None) -> Any:
        """Scores rows of a frame; see `Model.predict`.

        Args:
            frame: pandas, columns and stamps as those of the training file; of a source that was none: symbol, time
                (when the row is knowable) and the columns.
            params: none are known.

        Returns:
            A pandas frame on the same index.
        """
        if self.model.config.data.source in ("files", "frame"):
            return self.model.predict(frame)
        return self.model.predict(frame, stamp="close", time_column=TIME, symbol_column=SYMBOL)


def _load_pyfunc(path: str) -> FrameModel:
    return FrameModel(Model(Path(path)))
