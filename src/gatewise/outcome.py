"""What a run made: the second half of an experiment judges the trained model and writes everything.

Loaded when the training has ended: SciPy and plotly take a second that need not pass before the first step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import torch

from gatewise import host
from gatewise.bundle import Bundle, calibrated, decided, frames_with_targets, judged_decisions, with_learned
from gatewise.bundle.explaining import explanations
from gatewise.calibration.calibrator import Calibrator
from gatewise.clocks import stage
from gatewise.data.origin import stamp_names, with_stamps
from gatewise.data.sources import how_to_resume
from gatewise.decisions.judge import Decisions
from gatewise.errors import Interrupted
from gatewise.evaluation.base import beats
from gatewise.evaluation.evaluate import Evaluation, evaluate_parts
from gatewise.evaluation.scoring import score
from gatewise.evaluation.verdict import Judgement
from gatewise.files import write_frames, write_json
from gatewise.fold import label_units, scaled_features
from gatewise.interrupts import Uninterrupted
from gatewise.isolation import plain_numbers
from gatewise.learners.attention import Attention, has_attention, read_attention
from gatewise.learners.base import Inputs, Trained, TrainedMember
from gatewise.report.data import MOST_WINDOWS
from gatewise.report.gather import gather_report
from gatewise.report.members import MemberResult
from gatewise.report.run import write_report
from gatewise.rows import newest_of, span_of
from gatewise.sample_weights import SampleWeights
from gatewise.splits.base import Rows, Split
from gatewise.training.curves import Curves, read_curves
from gatewise.training.listeners import Listener, Listeners

if TYPE_CHECKING:
    from gatewise.experiment import Prepared

MOST_CSV_OUTPUTS = 200  # a row; a wider table is none that people open


@dataclass(frozen=True)
class Outcome:
    """What a run made.

    Attributes:
        folder: of the run; holds the bundle, predictions.parquet, up to `MOST_CSV_OUTPUTS` also .csv, metrics.json and
            report.html.
        data_fingerprint: of the table.
        remarks: what people should know of the training and of what it was done on, a sentence each.
        curves: what the losses of the epochs show; `None` where nothing can be said of them.
        peak_memory_mb: of this process (`host.peak_memory`), or of the GPU where one was used.
        members: of an ensemble, each on the same rows.
        sample_weights: of what was learned from; `None` where all counted alike.
        stamps: columns of the predictions that are the source's own stamps -> what the source calls them.
        calibrator: what validation rows set right; `None`: nothing.
        decisions: the decision rule and what it did; `None`: there is none.
        spans: of each part of the split, when its first and its last row are knowable; see `span_of`.
    """

    folder: Path
    trained: Trained
    split: Split
    evaluation: Evaluation
    data_fingerprint: str
    remarks: tuple[str, ...]
    curves: Curves | None
    peak_memory_mb: float
    stamps: Mapping[str, str]
    members: tuple[MemberResult, ...] = ()
    sample_weights: SampleWeights | None = None
    calibrator: Calibrator | None = None
    decisions: Decisions | None = None
    spans: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def predictions(self) -> Path:
        return self.folder / "predictions.parquet"

    @property
    def files(self) -> tuple[Path, ...]:
        """For people: the report, then the predictions, as CSV too where there is one, then the bundle."""
        table = self.predictions.with_suffix(".csv")
        return (self.report, *([table] if table.is_file() else []), self.predictions, self.bundle)

    @property
    def judgement(self) -> Judgement:
        """The verdict, on test rows where there are some; see `Evaluation.judgement` for val's."""
        return self.evaluation.judgement

    def to_dict(self) -> dict[str, Any]:
        """The machine interface of `gatewise train --json`, without the run's id."""
        fit = self.trained.fit
        return {
            "bundle": str(self.bundle),
            "report": str(self.report),
            "predictions": str(self.predictions),
            "stamps": dict(self.stamps),
            "device": self.trained.device,
            "precision": self.trained.precision.name,
            "batch_size": self.trained.batch_size,
            **{name: getattr(fit, name) for name in ("epochs", "best_epoch", "monitor", "ended")},
            "diverged_epochs": list(fit.diverged_epochs),
            "remarks": list(self.remarks),
            "curves": self.curves and self.curves.to_dict(),
            "windows": {"train": self.trained.train_windows, "val": len(self.split.val), "test": len(self.split.test)},
            "spans": {part: list(span) for part, span in self.spans.items()},
            "windows_per_second": round(fit.windows_per_second, 1),
            "peak_memory_mb": round(self.peak_memory_mb, 1),
            "metrics": self.evaluation.metrics(),
            "metrics_by_symbol": self.evaluation.metrics_by_symbol(),
            "baselines": self.evaluation.baselines(),
            **self.evaluation.tests(),
            "columns": self.evaluation.columns(),
            "steps": self.evaluation.steps(),
            "units": self.evaluation.units.to_dict(),
            "calibration": self.calibrator
            and self.calibrator.to_dict() | {"uncalibrated": self.evaluation.uncalibrated()},
            "decision": self.decisions and self.decisions.to_dict(),
            "members": [member.to_dict() for member in self.members],
            **self.judgement.to_dict(),
            "judged_on": self.evaluation.newest.part,
            "sample_weights": self.sample_weights and self.sample_weights.to_dict(),
            "purged_rows": self.split.purged_rows,
            "embargo_rows": self.split.embargo_rows,
        }


@plain_numbers()
def conclude(prepared: Prepared, trained: Trained, folder: Path, listener: Listener | None = None) -> Outcome:
    """The second half of `run_experiment`, for a model that is trained: judges it and writes everything.

    Args:
        listener: hears what is done next.

    Raises:
        Interrupted: the training was; the bundle holds the best weights so far.
        GatewiseError: see the parts.
    """
    config, samples, split, fold = prepared.config, prepared.samples, prepared.split, prepared.fold
    table = samples.table
    bundle = Bundle.of(config, samples, fold, trained.predictor)
    bundle_folder = folder / "bundle"
    with Uninterrupted():  # groups of processes are often told twice
        bundle.save(bundle_folder)  # before the judging, which takes a while too
        if trained.fit.ended == "interrupted":
            raise Interrupted(
                f"after epoch {trained.fit.epochs}; the best weights so far are in {bundle_folder}; "
                f"{how_to_resume(config.data, folder.name, 'gatewise train --resume', 'gatewise.fit')}"
            )
    kept = {part: rows for part in ("val", "certify", "test") if len(rows := getattr(split, part))}
    parts = {part: rows for part, rows in kept.items() if part != "certify"}
    on_message = (listener or Listeners(())).on_message
    learned = {}
    with stage("judging"):
        for part, rows in kept.items():
            on_message(f"Predicting {part}: {len(rows):,} windows")
            learned[part] = bundle.learned_rows(table, samples.matrix, rows, config.training.device)
        bundle = calibrated(bundle, samples, fold, split.val, learned["val"])
        calibrator = bundle.record.calibrator
        moved = parts if calibrator and calibrator.moves else {}
        uncalibrated = {p: bundle.finished(table, rows, learned[p], calibrate=False) for p, rows in moved.items()}
        predicted = {
            part: bundle.finished(table, rows, learned[part], out=learned[part]) for part, rows in kept.items()
        }
        bundle = decided(bundle, samples, split, predicted)
        decisions = judged_decisions(bundle, samples, parts, predicted)
        evaluation = evaluate_parts(
            table,
            samples.labels,
            split.train,
            parts,
            predicted,
            lambda rows: scaled_features(config, samples, fold, rows),
            target=config.target,
            spec=config.evaluation,
            seed=config.training.seed,
            units=label_units(samples, fold),
            model=config.model.name,
            val_chose=trained.fit.ended != "fitted",
            uncalibrated=uncalibrated,
            broker=config.broker,
            acted=decisions.sides(samples.labels.spec) if decisions else {},
            say=on_message,
        )
        members = tuple(_beside(prepared, member, parts, on_message) for member in trained.members)
    on_message("Writing predictions and report")
    bundle = with_learned(bundle, samples, fold, trained, split.train, metrics=evaluation.metrics())
    said = calibrator.remarks(samples.labels.spec) if calibrator else ()
    remarks = tuple(dict.fromkeys((*prepared.remarks, *trained.fit.remarks, *said)))  # each once: an ended run has all
    has_learned = beats(evaluation.parts["val"].differences["prior"]) is True
    curves = read_curves(trained.fit, config, len(split.val) // config.target.horizon, has_learned)

    beside = (bundle, table, samples.labels)

    def frames() -> Iterator[pl.DataFrame]:
        return (with_stamps(frame, table) for frame in frames_with_targets(*beside, kept, predicted))

    nothing = {part: rows[:0] for part, rows in kept.items()}, {part: said[:0] for part, said in predicted.items()}
    stamps = stamp_names(table, next(frames_with_targets(*beside, *nothing)).columns)
    judged = (folder, trained, split, evaluation)
    weights = fold.sample_weights
    outcome = Outcome(
        *judged,
        table.fingerprint,
        remarks,
        curves,
        _peak_memory_mb(),
        stamps,
        members,
        weights,
        calibrator,
        decisions,
        {part: span_of(table.time_us, rows) for part, rows in {"train": split.train, **kept}.items()},
    )
    with stage("report"):
        bundle.save(outcome.bundle)
        write_frames(outcome.predictions, frames())
        if samples.labels.spec.num_outputs <= MOST_CSV_OUTPUTS:
            write_frames(outcome.predictions.with_suffix(".csv"), frames())
        write_json(folder / "metrics.json", outcome.to_dict() | {"evaluation": evaluation.to_dict()})
        facts = {"Run": folder.name, "Device": trained.device, "Precision": trained.precision.name}
        fit = trained.fit
        used = config.training.model_copy(update={"batch_size": trained.batch_size})
        write_report(
            outcome.report,
            gather_report(
                config.model_copy(update={"training": used}),
                samples,
                split,
                evaluation,
                predicted,
                fit.history,
                fit.best_epoch,
                facts,
                remarks,
                curves.sentence if curves else "",
                members,
                _newest_attention(prepared, trained),
                weights,
                calibrator,
                explanations(bundle, samples, split, trained),
                decisions,
            ),
        )
    return outcome


def _beside(
    prepared: Prepared, member: TrainedMember, parts: Mapping[str, Rows], say: Callable[[str], None]
) -> MemberResult:
    """A member on the rows that the ensemble is judged on, through a bundle of its own."""
    say(f"Judging {member.label} beside the ensemble")
    samples, split = prepared.samples, prepared.split
    bundle = Bundle.of(member.config, samples, prepared.fold, member.trained.predictor)
    bundle = calibrated(bundle, samples, prepared.fold, split.val)
    device = member.config.training.device
    judged = samples.table, samples.labels, split.train
    metrics = {
        part: score(*judged, rows, bundle.predict_rows(samples.table, samples.matrix, rows, device))
        for part, rows in parts.items()
    }
    return MemberResult(member, metrics)


def _newest_attention(prepared: Prepared, trained: Trained) -> Attention | None:
    """Of the newest windows of the newest part; `None` for a model without attention."""
    config, samples, split, fold = prepared.config, prepared.samples, prepared.split, prepared.fold
    if not has_attention(config.model.name):
        return None
    rows = newest_of(split.test if len(split.test) else split.val, samples.table.time_us, MOST_WINDOWS)
    inputs = Inputs.of(config, samples, fold, rows, config.training.device)
    return read_attention(trained.predictor, inputs, samples.table)


def _peak_memory_mb() -> float:
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated() / 2**20
    return host.peak_memory() / 2**20
