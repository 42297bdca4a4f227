"""What `gatewise runs show` prints: a run at a glance, whatever its kind, and the words that lists share with it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

    from gatewise.registry.details import Details
    from gatewise.registry.info import RunInfo, Score
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
    from gatewise.cli.output import print_headline, print_looks, print_sentence, print_table, setting_words
    from gatewise.registry.looks import known_looks

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
    print_looks(known_looks(info.folder))
    columns, rows = _numbers(info, details)
    if rows:
        print()
        print_table("", columns, rows)
    if decision := details.results.get("decision"):
        print()
        print_sentence(decision["words"])
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
    from gatewise.config.schema import ExperimentConfig
    from gatewise.evaluation.side_by_side import best_first, over_folds, read_folds, read_part, side_by_side

    results: dict[str, Any] = dict(details.results)
    if details.members:
        rows = [
            [m.name, m.run_id[:8], outcome_words(m), score_texts(m.score)[0] if m.score else ""]
            for m in details.members
        ]
        return ["run", "id", "verdict", "score"], rows
    config = details.config or ExperimentConfig()
    if info.kind == "train" and "baselines" in results:
        part = results["judged_on"]
        model, baselines = read_part(results, part)
        head, lines = side_by_side(model, baselines, config.evaluation.confidence, best_first(baselines))
        return [f"{part}, {results['windows'][part]:,} rows", *head], [[*line] for line in lines]
    if info.kind == "cv" and "summary" in results:
        head, lines = over_folds(read_folds(results), config.evaluation.confidence)
        return ["model@horizon", *head], [[*line] for line in lines]
    return ["number", "last"], [[name, f"{number:.6g}"] for name, number in sorted(info.metrics.items())]


def _score_words(info: RunInfo) -> str:
    from gatewise.evaluation.metric_names import metric_words

    score = info.score
    assert score is not None
    ours, beside = score_texts(score)
    return f"{metric_words(score.metric)} on {score.part} {ours}, against {beside} of {score.baseline}"


def score_texts(score: Score) -> tuple[str, str]:
    """Its value and its baseline's, with the digits of their metric."""
    from gatewise.evaluation.metric_names import metric_text

    values = score.value, score.baseline_value
    ours, beside = (metric_text(score.metric, value, max(map(abs, values))) for value in values)
    return ours, beside


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
