"""Our runs as MLflow has them, asked by its own client."""

from __future__ import annotations

from typing import Any

from gatewise.registry.tracking import connect


def tracked_runs() -> list[Any]:
    """MLflow's records of runs of ours, the latest first."""
    client = connect()
    names = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(names, "tags.`gatewise.version` != ''"))


def tracked(run_id: str) -> Any:
    """MLflow's record of the run that we call so."""
    (record,) = [each for each in tracked_runs() if each.data.tags.get("gatewise.run_id", each.info.run_id) == run_id]
    return record
