"""What `gatewise runs show` prints: a run at a glance, whatever its kind, and the words that lists share with it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

    from gatewise.registry.details import Details
    from gatewise.registry.info import RunInfo
    from gatewise.registry.live import Usage

_STEPS = {"train": "epoch", "cv": "training", "tune": "trial", "per-symbol": "symbol", "seeds": "seed"}
_MOST_FILES = 12


def outcome_words(info: RunInfo) -> str | Text:
    """The verdict in its colour; of a run that has none its headline, how far it is, or how it ended."""
    from gatewise.cli.output import verdict_text

    if info.status == "FINISHED":
        if info.judgement:
            return verdict_text(info.judgement, info.judgement.short.partition(" than ")[0])
        return info.headline or "finished"
    return f"{_STEPS[info.kind]} {info.done}/{info.of}" if info.status == "RUNNING" else info.status.lower()


def live_words(info: RunInfo, now: Usage) -> str:
    """`epoch 3 of 20, 187% of a core, 812 MB`."""
    return f"{_STEPS[info.kind]} {info.done} of {info.of}, {now.cpu_percent:.0f}% of a core, {now.memory_mb:,.0f} MB"


def way_on(info: RunInfo) -> str:
    """The command by which a run that was cut off goes on; empty for a group, whose runs go on one by one."""
    from gatewise.registry.info import GROUPS

    return "" if info.kind in GROUPS else f"gatewise {info.kind} --resume {info.run_id[:8]}"


def print_run(info: RunInfo, details: Details, now: Usage | None) -> None:
    """A run's headline, numbers, settings, data, files, and what can be done with it."""
    from gatewise.cli.output import print_headline, print_sentence, print_table, setting_words

    print(f"{info.name}{f'  {info.run_id}' if info.run_id else ''}")
    ended = "bundle" if not info.run_id else f"{info.kind}, {info.status.lower()}"
    print(f"{ended}, {info.started_utc:%Y-%m-%d %H:%M} UTC{_took(info)}, experiment {info.experiment}")
    if now:
        print(f"it runs: {live_words(info, now)}")
    if info.judgement:
        print_headline(info.judgement)
    elif info.headline:
        print(info.headline)
    if info.score:
        print_sentence(_score_words(info))
    columns, rows = _numbers(info, details)
    if rows:
        print()
        print_table("", columns, rows)
    print(f"\ndata      {info.subject.rows}{_data_words(details)}")
    if fingerprint := info.tags.get("gatewise.data_fingerprint"):
        print(f"          fingerprint {fingerprint[:16]}")
    changed = {name: pair for name, pair in details.changed.items() if not name.startswith("data.") and name != "name"}
    if changed:
        print("\nsettings that differ from the defaults (all: config.yaml)")
        for name, (value, usual) in changed.items():
            print(f"  {name:<30} {_short(setting_words(value))}  (default {_short(setting_words(usual))})")
    print(f"\nfiles in {info.folder}")
    for path in details.files[:_MOST_FILES]:
        print(f"  {path.relative_to(info.folder)}")
    if len(details.files) > _MOST_FILES:
        print(f"  and {len(details.files) - _MOST_FILES} more")
    if lines := _next(info, details):
        print("\nnext:", *lines, sep="\n  ")


def _numbers(info: RunInfo, details: Details) -> tuple[list[str], list[list[str | Text]]]:
    """The table of its kind: metrics beside baselines, lines of a comparison, runs of a group, or the last numbers."""
    from gatewise.evaluation.base import shown
    from gatewise.evaluation.metric_names import IN_TABLES

    results: dict[str, Any] = dict(details.results)
    if details.members:
        rows = [
            [m.name, m.run_id[:8], outcome_words(m), f"{m.score.value:.5g}" if m.score else ""] for m in details.members
        ]
        return ["run", "id", "verdict", "score"], rows
    if info.kind == "train" and "baselines" in results:
        part = results["judged_on"]
        lines = {"model": results["metrics"][part], **{name: by[part] for name, by in results["baselines"].items()}}
        head, value = f"who, on {part}", "value"
    elif info.kind == "cv" and "summary" in results:
        lines, head, value = results["summary"], "model@horizon", "mean"
    else:
        return ["number", "last"], [[name, f"{number:.6g}"] for name, number in sorted(info.metrics.items())]
    names = [name for name in IN_TABLES if all(name in metrics for metrics in lines.values())]
    cells = [[who, *(shown(metrics[name][value], 4) for name in names)] for who, metrics in lines.items()]
    return [head, *names], [*cells]


def _score_words(info: RunInfo) -> str:
    from gatewise.evaluation.metric_names import metric_words

    score = info.score
    assert score is not None
    return (
        f"{metric_words(score.metric)} on {score.part} {score.value:.5g}, "
        f"against {score.baseline_value:.5g} of {score.baseline}"
    )


def _data_words(details: Details) -> str:
    config = details.config
    if config is None:
        return ""
    paths = [*config.data.paths[:3], *["…"] * (len(config.data.paths) > 3)]
    return f", {', '.join(paths)}" if paths else f", source {config.data.source}"


def _took(info: RunInfo) -> str:
    from gatewise.config.durations import rough_duration

    if info.duration_seconds is None:
        return "" if info.status == "RUNNING" else ", its process is gone"
    return f", took {rough_duration(info.duration_seconds)}" if info.run_id else ""


def _next(info: RunInfo, details: Details) -> list[str]:
    from gatewise.cli.output import newer_rows

    short = info.run_id[:8]
    if info.status in ("KILLED", "FAILED") and way_on(info):
        return [way_on(info)]
    if info.status != "FINISHED":
        return []
    lines = []
    if info.kind == "train" and details.config is not None:
        model = short or shlex.quote(str(info.folder))
        lines.append(f"gatewise predict --model {model} {newer_rows(details.config.data)} -o predictions.csv")
    if info.kind == "tune":
        lines.append(f"gatewise train --config {shlex.quote(str(info.folder / 'best.yaml'))}")
    if info.kind == "train" and short:
        lines.append(f"gatewise runs compare {short} OTHER")
    return lines


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
