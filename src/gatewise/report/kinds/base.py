"""What the kind of a prediction decides about a report: which metrics stand first, what is drawn of a part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from gatewise.evaluation.judge import PartResult
from gatewise.report.data import ReportData
from gatewise.report.html import Pictures
from gatewise.targets.outputs.base import OutputSpec


class Drawing(Protocol):
    """How predictions of a kind are shown.

    Attributes:
        brief: metrics of a cross-validation's table. by_symbol: beside each symbol's verdict.
        rest: what the further ones are, for their caption.
    """

    @property
    def brief(self) -> tuple[str, ...]: ...
    @property
    def by_symbol(self) -> tuple[str, ...]: ...
    @property
    def rest(self) -> str: ...

    def head(self, spec: OutputSpec) -> tuple[str, ...]:
        """Metrics of a part's first table."""

    def pictures(self, report: ReportData, result: PartResult, pictures: Pictures) -> Iterator[str]:
        """HTML of the pictures of one part."""
