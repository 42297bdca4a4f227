"""A run's bundle as a model of MLflow's own: `mlflow.pyfunc.load_model("runs:/<id>/model").predict(frame)`.

MLflow's folder holds the bundle as it is, under its hashes, and beside it what tells MLflow how it is loaded: by
`gatewise.api.pyfunc`, so that nothing is pickled. Written as text, as MLflow's own writer takes seconds to import.
"""

from __future__ import annotations

import json
import platform
import uuid
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from gatewise.config.load import build_config
from gatewise.config.schema import DataConfig
from gatewise.data.table import Table
from gatewise.decisions.rule import ACTION_COLUMNS
from gatewise.registry.subject import SAMPLES
from gatewise.targets.spec import output_spec

MODEL = "model"  # its folder among a run's artifacts
_EXAMPLE = "input_example.json"
_MOST_ROWS = 500  # of the example; a prediction may take more
_LOADER = "gatewise.api.pyfunc"


def model_files(bundle: Path, table: Table | None, mlflow_run_id: str) -> dict[str, str]:
    """{name: text} of the files that stand beside a bundle in MLflow's model folder.

    Args:
        bundle: the run's.
        table: the rows that it was trained on; `None`: they are not at hand, and there is no example and no signature.
    """
    now = datetime.now(UTC)
    model: dict[str, Any] = {
        "artifact_path": MODEL,
        "flavors": {
            "python_function": {
                "data": "bundle",
                "env": {"virtualenv": "python_env.yaml"},
                "loader_module": _LOADER,
                "python_version": platform.python_version(),
            }
        },
        "mlflow_version": version("mlflow"),
        "model_uuid": uuid.uuid4().hex,
        "run_id": mlflow_run_id,
        "utc_time_created": f"{now:%Y-%m-%d %H:%M:%S.%f}",
    }
    shown, files = ({}, {}) if table is None else _signed(bundle, table)
    environment = {"python": platform.python_version(), "dependencies": ["-r requirements.txt"]}
    return files | {
        "MLmodel": yaml.safe_dump(model | shown, sort_keys=False),
        "python_env.yaml": yaml.safe_dump(environment, sort_keys=False),
        "requirements.txt": f"gatewise=={version('gatewise')}\n",
    }


def _signed(bundle: Path, table: Table) -> tuple[dict[str, Any], dict[str, str]]:
    """What MLmodel says of inputs and outputs, and the file with the example; neither where there is no example."""
    values = json.loads((bundle / "bundle.json").read_bytes())
    config = build_config(values["config"])
    # Where symbols take turns, the first to have a window has it by then.
    num_rows = (config.windows.sequence_length + values["lookback"] - 1) * len(table.symbols)
    example = example_rows(config.data, table, min(num_rows, _MOST_ROWS))
    if example is None:
        return {}, {}
    spec = output_spec(config.target, tuple(values["classes"] or values["outputs"]))
    nothing = np.empty((0, spec.num_outputs))
    outputs = [{"type": "double", "name": name, "required": True} for name in spec.prediction_columns(nothing)]
    outputs += [
        {"type": "double" if decided.dtype.kind == "f" else "string", "name": name, "required": True}
        for name, decided in spec.decision_columns(nothing).items()
    ]
    if values["decision_rule"]:
        outputs += [{"type": "string", "name": name, "required": True} for name in ACTION_COLUMNS]
    # Of any type: what a file's column is read as changes with its rows, and gatewise checks them itself.
    inputs = [{"type": "any", "name": name, "required": True} for name in example.columns]
    shape = {"type": "dataframe", "pandas_orient": "split", "serving_input_path": None}
    rows = {"columns": example.columns, "data": [list(row) for row in example.iter_rows()]}
    shown = {
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None},
        "saved_input_example_info": {"artifact_path": _EXAMPLE, **shape},
    }
    return shown, {_EXAMPLE: json.dumps(rows, default=str)}


def example_rows(data: DataConfig, table: Table, num_rows: int) -> pl.DataFrame | None:
    """The first rows as people hand them over: of a file as it stands, of other sources the table's own.

    `None` where a file can't be read without being told how, as banners, zips and headerless text.
    """
    if data.source in ("lake", "sql", *SAMPLES):
        return table.frame.head(num_rows)
    path = Path(data.paths[0]) if data.paths else Path()
    if data.columns_are or data.encoding or data.thousands or data.decimal or not path.is_file():
        return None
    try:
        if path.suffix == ".parquet":
            head = pl.read_parquet(path, n_rows=num_rows)
        elif path.suffix in (".feather", ".arrow", ".ipc"):
            head = pl.read_ipc(path, n_rows=num_rows)
        elif path.suffix == ".csv":
            with path.open(encoding="utf-8") as text:
                line = text.readline()
            head = pl.read_csv(path, n_rows=num_rows, separator=max(",;\t|", key=line.count))
        else:
            return None
    except (OSError, ValueError, pl.exceptions.PolarsError):
        return None
    named = all(name and "_duplicated_" not in name for name in head.columns)
    return head if head.width > 1 and named and _holds_numbers(head) else None


def _holds_numbers(head: pl.DataFrame) -> bool:
    """Else what stands first is no header."""
    return any(dtype.is_numeric() for dtype in head.dtypes)
