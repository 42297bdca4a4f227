"""All runs of this home, of any kind: each by its run.json, those of earlier versions by what else they left."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gatewise.errors import GatewiseError, ReadError, RunNotFoundError
from gatewise.locks import is_abandoned
from gatewise.registry.folders import PLACES, find_folder, run_folders
from gatewise.registry.info import HEADLINE, RECORD, VERDICT, Kind, RunInfo, Score, read_info


def list_runs(*kinds: Kind) -> list[RunInfo]:
    """Runs of these kinds, of any without kinds, the latest first."""
    infos = [info for folder in run_folders(*(kinds or PLACES)) if (info := _info_or_none(folder))]
    return sorted(infos, key=lambda info: info.started_utc, reverse=True)


def find_info(text: str) -> RunInfo:
    """The run of any kind whose id is or starts with `text`, whose name it is, or whose folder, or bundle's, it names.

    Raises:
        RunNotFoundError: no run, more than one, or a folder that holds nothing of a run.
    """
    path = Path(text)
    if path.is_dir() and any((path / name).is_file() for name in (RECORD, "config.yaml", "bundle.json")):
        path = path.absolute()
        inside = path.name == "bundle" and (path.parent / "config.yaml").is_file()
        return info_of(path.parent if inside else path)
    return info_of(find_folder(text))


def info_of(folder: Path) -> RunInfo:
    """What is known of the run in a folder.

    Raises:
        RunNotFoundError: nothing.
    """
    info = _info_or_none(folder)
    if info is None:
        raise RunNotFoundError(f"{folder} holds neither run.json nor a config that can be read", "start a new run")
    return info


def _info_or_none(folder: Path) -> RunInfo | None:
    try:
        return read_info(folder)
    except ReadError:
        return _of_bundle(folder) if (folder / "bundle.json").is_file() else _earlier(folder)


def _earlier(folder: Path) -> RunInfo | None:
    """Of a run of an earlier version, which had no run.json; `None` where there is nothing to tell."""
    from gatewise.config.load import load_config
    from gatewise.registry.subject import subject_of

    kind: Kind = next((kind for kind, (place, *_) in PLACES.items() if place == folder.parent.name), "train")
    path, results = folder / "config.yaml", folder / {"train": "metrics.json", "cv": "summary.json"}.get(kind, "")
    if kind == "cv" and not any(folder.glob("jobs/*.safetensors")):
        return None  # refused before anything was trained
    try:
        config = load_config(path)
        values = json.loads(results.read_bytes()) if results.is_file() else {}
        subject = subject_of([config])
    except (GatewiseError, OSError, ValueError):
        return None
    ended = next((file for file in (results, folder / "report.html") if file.is_file()), None)
    verdict = {VERDICT: values["verdict"], HEADLINE: values["headline"]} if "headline" in values else {}
    return RunInfo(
        run_id=folder.name,
        kind=kind,
        name=subject.words,
        experiment=config.name,
        status="FINISHED" if ended else "KILLED" if is_abandoned(folder) else "RUNNING",
        started_utc=_time(path),
        ended_utc=_time(ended) if ended else None,
        folder=folder,
        subject=subject,
        of=config.training.max_epochs,
        score=_score(values) if kind == "train" and values else None,
        tags=verdict,
        mlflow_run_id=folder.name,
    )


def _of_bundle(folder: Path) -> RunInfo | None:
    """Of a bundle that lies elsewhere than its run."""
    from gatewise.config.load import build_config
    from gatewise.registry.subject import subject_of

    try:
        values = json.loads((folder / "bundle.json").read_bytes())
        config = build_config(values["config"])
        subject = replace(subject_of([config]), symbols=tuple(values["symbols"]), timeframe=values["timeframe"])
        metrics = {
            f"{part}/{name}": metric["value"]
            for part, metrics in values["metrics"].items()
            for name, metric in metrics.items()
        }
        made = datetime.fromisoformat(values["created_utc"])
    except (GatewiseError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    tags = {"gatewise.data_fingerprint": str(values.get("data_fingerprint", ""))}
    return RunInfo(
        "", "train", subject.words, config.name, "FINISHED", made, folder, made, subject, metrics=metrics, tags=tags
    )


def _score(values: dict[str, Any]) -> Score | None:
    from gatewise.evaluation.metric_names import deciding_among

    try:
        part = values["judged_on"]
        metric = deciding_among(values["metrics"][part])
        baselines = {name: parts[part][metric]["value"] for name, parts in values["baselines"].items()}
        best = min(baselines, key=lambda name: baselines[name])
        return Score(part, metric, values["metrics"][part][metric]["value"], best, baselines[best])
    except (KeyError, TypeError, ValueError, StopIteration):
        return None


def _time(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
