"""The rows of a run as MLflow shows a data set: what they are called, where they came from, and their fingerprint."""

from __future__ import annotations

import json
from typing import Any

from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import Table
from gatewise.registry.subject import Subject

_MOST_NAMED = 10  # files and symbols; MLflow bounds the text


def data_set(config: ExperimentConfig, table: Table, subject: Subject) -> Any:
    """MLflow's `DatasetInput`."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    columns = [{"name": name, "type": "double", "required": True} for name in table.columns]
    times = table.frame["time"]
    profile = {"rows": table.num_rows, "first": str(times.min()), "last": str(times.max())}
    source = {
        "source": config.data.source,
        "paths": list(config.data.paths)[:_MOST_NAMED],
        "symbols": list(table.symbols)[:_MOST_NAMED],
    }
    return DatasetInput(
        Dataset(
            name=subject.rows,
            digest=table.fingerprint[:32],  # MLflow takes 36 characters
            source_type="gatewise",
            source=json.dumps(source),
            schema=json.dumps({"mlflow_colspec": columns}),
            profile=json.dumps(profile),
        ),
        [InputTag("mlflow.data.context", "training")],
    )
