"""What `gatewise runs looks` prints: a line for each stretch of rows that was judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gatewise.cli.output import from_here, print_sentence, print_table

if TYPE_CHECKING:
    from gatewise.looks.span import Span


def print_spans(spans: Sequence[Span]) -> None:
    """Rows, how many runs and models were judged on them, and the best gain with all of them counted."""
    from gatewise.evaluation.base import count
    from gatewise.evaluation.interval_words import bounds_text
    from gatewise.evaluation.metric_names import metric_places, metric_words
    from gatewise.looks.ledger import ledger_file

    if not spans:
        print("no rows were judged yet; try: gatewise train --source sp500")
        return
    rows = []
    for span in spans:
        looks, values = span.looks, span.to_dict()
        shown = ", ".join(span.symbols[:3]) + f" and {len(span.symbols) - 3} more" * (len(span.symbols) > 3)
        cells = [shown, values["first"][:10], values["last"][:10], f"{looks.runs:,}", f"{looks.models:,}"]
        if best := looks.best:
            left, places = looks.deflated(best), metric_places(best.metric, best.value)
            gain = f"{left.interval.value:+.{places}f} {bounds_text(left.interval, places, sign='+')}"
            verdict = "more than luck" if left.is_shown else "not shown"
            cells += [f"{best.model} {best.run_id[:8]}", metric_words(best.metric), gain, verdict]
        rows.append(cells + [""] * (9 - len(cells)))
    head = ["judged rows", "from", "to", "runs", "models", "best", "by", "gain, all counted", ""]
    print_table("", head, rows)
    if torn := spans[0].looks.torn:
        print_sentence(f"{count(torn, 'torn line')} of the ledger skipped: there may have been more looks")
    print(f"\nledger   {from_here(ledger_file())}")
