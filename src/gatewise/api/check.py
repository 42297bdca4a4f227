"""`gatewise.audit` and `check`: that nothing looks ahead, and what is wrong with rows, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatewise.api.call import Call, Config, speaking
from gatewise.api.summary import Result, Summary
from gatewise.config.schema import format_duration
from gatewise.errors import ArgumentError
from gatewise.evaluation.verdict import Tone

if TYPE_CHECKING:
    from gatewise.data.check.finding import Finding
    from gatewise.data.check.rows import Report
    from gatewise.proofs import Audit, Check


class AuditResult(Result):
    """The checks of an audit; true where all passed."""

    def __init__(self, audit: Audit) -> None:
        self.outcome = audit

    def __bool__(self) -> bool:
        return self.outcome.passed

    @property
    def passed(self) -> bool:
        return self.outcome.passed

    @property
    def checks(self) -> tuple[Check, ...]:
        """Each with name, passed and detail."""
        return self.outcome.checks

    def to_dict(self) -> dict[str, Any]:
        """What `gatewise audit --json` says."""
        return self.outcome.to_dict()

    @property
    def summary(self) -> Summary:
        failed = [check.name for check in self.checks if not check.passed]
        headline = f"Something looks ahead: {', '.join(failed)}" if failed else "Nothing looks ahead"
        lines = [
            [f"{'pass' if check.passed else 'FAIL'}  {check.name}", check.detail]
            for check in sorted(self.checks, key=lambda check: check.passed)
        ]
        return Summary(headline, "bad" if failed else "good", lines=lines)


class CheckResult(Result):
    """What is wrong with rows; true where they can be trained on as they are."""

    def __init__(self, report: Report) -> None:
        self.outcome = report

    def __bool__(self) -> bool:
        return self.outcome.ok

    @property
    def ok(self) -> bool:
        return self.outcome.ok

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those that were found anywhere, each with kind, count, blocks, examples and remedy."""
        return tuple(finding for finding in self.outcome.findings if finding.count)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed or left out while rows were read."""
        return self.outcome.notes

    def to_dict(self) -> dict[str, Any]:
        """What `gatewise data check --json` says."""
        return self.outcome.to_dict()

    @property
    def summary(self) -> Summary:
        report = self.outcome
        timeframe = "unknown" if report.timeframe is None else format_duration(report.timeframe)
        names = ", ".join(report.symbols[:4]) + (f", … ({len(report.symbols)})" if report.symbols[4:] else "")
        tone: Tone = "bad" if not report.ok else "open" if any(f.doubtful for f in self.findings) else "good"
        return Summary(
            "Fit to train on" if report.ok else "Not fit to train on as it is",
            tone,
            f"{report.rows:,} rows of {names}, timeframe {timeframe}; knowable {report.start} to {report.end}",
            lines=[
                [
                    f"{finding.kind.replace('_', ' ')}: {finding.count:,}",
                    f"{'; '.join(finding.examples[:1])}{' → ' if finding.examples else ''}{finding.remedy}",
                ]
                for finding in self.findings
            ],
        )


def audit(
    data: Any = None,
    *,
    config: Config = None,
    settings: Mapping[str, Any] | None = None,
    preset: str | Path | None = None,
    progress: bool = True,
    **said: Any,
) -> AuditResult:
    """Corrupts the data's future, permutes its labels, and shows that no past number notices; as `gatewise audit`.

    Args:
        data, config, settings, preset, progress, said: as of `fit`.

    Raises:
        GatewiseError: rows or settings that can't be trained on at all.
    """
    call = Call(data, config, settings, said, audit, preset)
    made = call.config()
    with speaking(progress):
        from gatewise.proofs import run_audit

        table = call.rows.load(made.data)
        shorter = made.data.model_copy(update={"resample": None})
        rows = call.rows.load(shorter) if made.data.resample and call.rows.table is None else None
        return AuditResult(run_audit(made, table, seed=made.training.seed, rows=rows))


def check(
    data: Any = None, *, config: Config = None, settings: Mapping[str, Any] | None = None, **said: Any
) -> CheckResult:
    """Counts what is wrong with rows, and says where; as `gatewise data check`.

    Args:
        data, config, settings, said: as of `fit`; settings of data alone matter.

    Raises:
        ArgumentError: a `Table`, which was checked when it was made.
        ReadError, AmbiguousError, SchemaError: what can't be read can't be counted either.
    """
    from gatewise.data.check.rows import check_data

    call = Call(data, config, settings, said, check)
    if call.rows.table is not None:
        raise ArgumentError("a gatewise.Table was checked when it was made", "check the rows that it was made of")
    with speaking(False):
        return CheckResult(check_data(call.config().data, call.rows.frame))
