"""A recorded run: the experiment, with MLflow, the history file and the run's folder listening."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gatewise.clocks import stage
from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig
from gatewise.data.sources import how_to_resume
from gatewise.data.table import Table
from gatewise.errors import ConfigError, Interrupted
from gatewise.experiment import Prepared, prepare, run_experiment
from gatewise.files import home, members_folder, require_place
from gatewise.isolation import plain_numbers
from gatewise.learners.base import Trained
from gatewise.learners.kept_members import keep_member
from gatewise.loading import traceless
from gatewise.locks import only_process
from gatewise.registry.flavour import MODEL, model_files
from gatewise.registry.folders import find_run_folder
from gatewise.registry.history import History
from gatewise.registry.info import Group, Score
from gatewise.registry.kept import kept_training
from gatewise.registry.looks import record_run
from gatewise.registry.run_members import trained_runs, with_runs
from gatewise.registry.runs import find_run, start_run
from gatewise.registry.subject import checked_name
from gatewise.registry.tracking import load_mlflow
from gatewise.registry.writer import Run
from gatewise.training.budget import WHOLE, Budget
from gatewise.training.checkpoint import epochs_done
from gatewise.training.listeners import Listener, Listeners

if TYPE_CHECKING:
    from gatewise.outcome import Outcome


class Recorder:
    """Hands each epoch to MLflow and keeps history.parquet up to date, so that a killed run has both."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.path = run.folder / "history.parquet"
        self.history = History.read(self.path) if self.path.exists() else History()

    def on_step(self, epoch: int, step: int, num_steps: int) -> None:
        pass

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        self.history.on_epoch(epoch, values)
        self.history.write(self.path)
        self.run.log(epoch, values)

    def on_message(self, text: str) -> None:
        pass


@plain_numbers()
def train(
    config: ExperimentConfig | None = None,
    table: Table | None = None,
    listeners: Sequence[Listener] = (),
    resume: str | None = None,
    learning_rate: float | None = None,
    name: str | None = None,
    parent: Group | None = None,
    budget: Budget = WHOLE,
) -> tuple[str, Outcome]:
    """Runs and records an experiment; returns the run's id and what it made.

    Args:
        config: what to run; with `resume` it is read from the run's folder and must be left out.
        table: the rows; `None` loads what `config.data` names.
        resume: id (or its start, or the name) of a run that was cut off; it ends as if it had not been. One that has
            ended gives what it gave, and is not trained again.
        learning_rate: with `resume`, a lower one from here on, as a training that diverged wants; the run says so.
        name: of a new run; `None`: made of data, model, target and horizon.
        parent: the group that a new run belongs to.
        budget: what may end the training before its schedule does, for this time; `resume` goes on with it.

    Raises:
        RunNotFoundError: nothing to resume.
        ConfigError: the run to resume is alive, in another process or thread; a learning rate that is not lower than
            the run's, or with which no epoch is left to train; an epoch to stop after that is behind; the run stays as
            it is.
        BundleError: what the run to resume kept is of another config, other code or other data; the run stays as it is.
        GatewiseError: see `prepare`, and `run_experiment`: the run is then marked FAILED.
        Interrupted: Ctrl-C; the run is marked KILLED and can be resumed.
    """
    require_place(home())
    name = checked_name(name)
    if resume is None:
        # Rows and settings that can't be trained on leave no run behind.
        asked = config or load_config()
        config = with_runs(asked)
        budget.require_ahead(config.training.max_epochs)
        prepared = prepare(config, table, meanwhile=load_mlflow)
        runs = trained_runs(prepared, asked)
        with stage("opening the run"):
            run = start_run(prepared.config, prepared.samples.table, name, parent=parent)
        with only_process(run.folder, f"run {run.run_id}"):
            for number, made in runs.items():
                keep_member(members_folder(run.folder / "checkpoint.safetensors"), number, made)
            return _trained(run, prepared, listeners, budget)
    folder = find_run_folder(resume)
    with only_process(folder, f"run {folder.name}"):
        run = find_run(folder.name)
        config = load_config(folder / "config.yaml")
        if learning_rate is not None:
            _require_epochs(config, folder)
            config = with_lower_rate(config, learning_rate)
        budget.require_ahead(config.training.max_epochs, epochs_done(folder / "checkpoint.safetensors"))
        prepared = prepare(config, table)
        kept = kept_training(prepared, folder)  # before anything is touched: what is refused changes nothing
        run.reopen()
        if learning_rate is not None:
            run.change_config(prepared.config)
        return _trained(run, prepared, listeners, budget, kept)


def _trained(
    run: Run, prepared: Prepared, listeners: Sequence[Listener], budget: Budget, kept: Trained | None = None
) -> tuple[str, Outcome]:
    with run:
        try:
            listener = Listeners((*listeners, Recorder(run)))
            if kept:
                with traceless():
                    from gatewise.outcome import conclude

                outcome = conclude(prepared, kept, run.folder, listener)
            else:
                outcome = run_experiment(prepared, run.folder, listener, budget)
            with stage("recording"):
                record(run, outcome, prepared.samples.table)
        except KeyboardInterrupt:
            if not (bundle := run.folder / "bundle").exists():
                raise
            raise Interrupted(
                f"before all was written; the best weights so far are in {bundle}; "
                f"{how_to_resume(prepared.config.data, run.run_id, 'gatewise train --resume', 'gatewise.fit')}"
            ) from None
    return run.run_id, outcome


def _require_epochs(config: ExperimentConfig, folder: Path) -> None:
    most, checkpoint = config.training.max_epochs, folder / "checkpoint.safetensors"
    why = None
    if epochs_done(checkpoint) >= most:
        why = f"while epochs are left to train; it has had all {most} of them"
    elif not checkpoint.exists() and (folder / "bundle").exists():
        why = "from its checkpoint; this one has a bundle and no checkpoint"
    if why:
        file = shlex.quote(str(folder / "config.yaml"))
        raise ConfigError(
            f"a run goes on with another learning rate {why}",
            "leave the rate out to end the run as it is, or begin a new one: "
            f"gatewise train --config {file} --learning-rate RATE",
        )


def with_lower_rate(config: ExperimentConfig, learning_rate: float) -> ExperimentConfig:
    """The config of a run that goes on with another learning rate, the one setting that may change on the way.

    Raises:
        ConfigError: it is not above 0 and below the run's.
    """
    before = config.training.learning_rate
    if not 0 < learning_rate < before:
        raise ConfigError(
            f"a run goes on with a learning rate above 0 and below its own, {before:g}; got {learning_rate:g}",
            f"training.learning_rate={before / 2:g}, or leave it out to go on with the run's",
        )
    training = config.training.model_copy(update={"learning_rate": learning_rate})
    return config.model_copy(update={"training": training})


def record(run: Run, outcome: Outcome, table: Table) -> None:
    """What MLflow gets to know of a run's end: the verdict, the numbers, and the model, which it can load.

    That its rows were looked at goes to the home's ledger.
    """
    run.set_tag("gatewise.data_fingerprint", outcome.data_fingerprint)
    run.judge(outcome.judgement.verdict, outcome.judgement.headline, _score(outcome))
    run.set_tag("gatewise.ended", outcome.trained.fit.ended)
    run.log(outcome.trained.fit.epochs, flat_metrics(outcome))
    for path in outcome.files[:2]:
        run.log_artifacts(path)
    run.log_artifacts(outcome.bundle, MODEL)
    with tempfile.TemporaryDirectory(prefix=".model-", dir=outcome.bundle.parent) as folder:
        for name, text in model_files(outcome.bundle, table, run.info.mlflow_run_id).items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
            run.log_artifacts(Path(folder) / name, MODEL)
    record_run(run.folder)


def _score(outcome: Outcome) -> Score:
    result = outcome.evaluation.newest
    metric, best = result.deciding_metric, result.best_baseline
    return Score(result.part, metric, result.metrics[metric].value, best, result.baselines[best][metric].value)


def flat_metrics(outcome: Outcome) -> dict[str, float]:
    """{part/metric: value} of the model, {part/baseline/metric: value} of the baselines' deciding metric."""
    values: dict[str, float] = {}
    for part, result in outcome.evaluation.parts.items():
        values |= {f"{part}/{name}": interval.value for name, interval in result.metrics.items()}
        metric = result.deciding_metric
        values |= {f"{part}/{name}/{metric}": metrics[metric].value for name, metrics in result.baselines.items()}
    return values
