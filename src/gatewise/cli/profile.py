"""Where the time of a run went, as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def print_profile(profile: Mapping[str, Any]) -> None:
    """A line a stage, under training its parts, and the share of the machine's matrix arithmetic that was reached."""
    from gatewise.cli.output import print_sentence, print_table

    total = profile["total_seconds"]
    rows = []
    for name, seconds in profile["stages"].items():
        rows.append(_row(name, seconds, total))
        parts = profile.get("training", {}) if name == "training" else {}
        rows += [_row(f"  {part}", of_part, total) for part, of_part in parts.items()]
        if name == "features":
            rows += [[f"  {beside}, meanwhile", f"{spent:.2f}", ""] for beside, spent in profile["beside"].items()]
    rows.append(_row("in all", total, total))
    print()
    print_table("", ["where the time went", "seconds", "share"], rows)
    if arithmetic := profile.get("arithmetic"):
        print_sentence(
            f"Training reached {arithmetic['reached_gflops']:.3g} of the {arithmetic['peak_gflops']:.3g} GFLOP/s at "
            f"which this machine multiplies large matrices: {arithmetic['share']:.1%}, at six operations for each "
            "weight, step and window."
        )


def _row(name: str, seconds: float, total: float) -> list[str]:
    return [name, f"{seconds:.2f}", f"{seconds / total:.0%}"]
