"""What `gatewise runs compare` prints: what differs, then metrics side by side."""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gatewise.registry.compare import Comparison

_MOST_LETTERS = 28


def print_comparison(comparison: Comparison) -> None:
    """Runs are A, B, C, ... in the order in which they were named."""
    from gatewise.cli.output import print_sentence, print_table
    from gatewise.cli.runs_show import outcome_words
    from gatewise.evaluation.metric_names import metric_difference, metric_text, metric_words

    letters = ascii_uppercase[: len(comparison.runs)]
    head = ["", "run", "id", "kind", "verdict"]
    runs = zip(letters, comparison.runs, strict=False)
    print_table("", head, [[each, info.name, info.run_id[:8], info.kind, outcome_words(info)] for each, info in runs])
    for title, differing in (("settings", comparison.settings), ("data", comparison.data)):
        print()
        if differing:
            print_table(f"{title} that differ", ["", *letters], _rows(differing))
        else:
            print(f"no {title} differ")
    print()
    if comparison.reason is not None:
        print_sentence(f"Their predictions are not compared: {comparison.reason}.")
        return
    flatter = "; val rows chose the epochs, so they flatter" * (comparison.part == "val")
    apart = [f"{letter} - A" for letter in letters[1:]]
    rows = []
    first = comparison.paired[0].other_values
    for name in comparison.paired[0].differences:
        values = [first[name], *(paired.values[name] for paired in comparison.paired)]
        size = max(map(abs, values))
        differences = [metric_difference(name, paired.differences[name], size) for paired in comparison.paired]
        rows.append([metric_words(name), *(metric_text(name, value, size) for value in values), *differences])
    title = f"on the {comparison.rows:,} {comparison.part} rows that all predicted{flatter}"
    print_table(title, ["metric", *letters, *apart], rows)
    print()
    for letter, paired in zip(letters[1:], comparison.paired, strict=False):
        words = {
            "better": f"{letter} is better than A",
            "worse": f"{letter} is worse than A",
            "undecided": f"no difference between {letter} and A is shown",
            "too_few": f"too few independent rows to tell {letter} from A",
        }[paired.judgement.verdict]
        by = metric_words(comparison.deciding_metric)
        print_sentence(f"By {by} {words} ({comparison.confidence:.0%} intervals of paired differences).")


def _rows(differing: Mapping[str, tuple[Any, ...]]) -> list[list[str]]:
    from gatewise.cli.output import setting_words

    return [[name, *(_short(setting_words(value)) for value in values)] for name, values in differing.items()]


def _short(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"
