"""Cross-validation from plan to report: every model on every fold with every seed, each fold fitted on its own part.

The folder `$GATEWISE_HOME/cv/<id>` holds the plan, a file a finished job, and at the end folds.parquet,
out_of_fold.parquet, summary.json and report.html. A cross-validation that was killed goes on from there, and its table
is that of one that was not, bit for bit on the CPU but for the seconds.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gatewise.config.differences import first_difference
from gatewise.config.load import to_yaml
from gatewise.config.schema import ExperimentConfig
from gatewise.data.load import load_table
from gatewise.data.sources import how_to_resume
from gatewise.data.table import Table
from gatewise.errors import ConfigError, GatewiseError, Interrupted, ReadError
from gatewise.files import write_json, write_text
from gatewise.isolation import plain_numbers
from gatewise.jobs.fleet_place import FleetCompute
from gatewise.jobs.jobs import Job, JobFailure, JobResult
from gatewise.jobs.places import Compute
from gatewise.jobs.shared import SharedData, make_shared
from gatewise.jobs.store import JobStore, cv_folder
from gatewise.levels import remarks_on
from gatewise.loading import traceless
from gatewise.selection.cv.plan import CV, Place, Plan
from gatewise.selection.cv.stretches import require_stretches

if TYPE_CHECKING:
    from gatewise.selection.cv.outcome import CvOutcome


class CvListener(Protocol):
    """Hears how a cross-validation goes."""

    def on_plan(self, jobs: Sequence[Job], resumed: int) -> None:
        """These jobs are to be run; `resumed` more were finished before."""

    def on_start(self, job: Job) -> None:
        """Its training begins, or goes on."""

    def on_epoch(self, job: Job, epoch: int) -> None:
        """So many of its epochs are done."""

    def on_stretch(self, job: Job, done: int, num_stretches: int) -> None:
        """So many stretches of its test rows are done."""

    def on_end(self, job: Job, answer: JobResult | JobFailure) -> None:
        """It is done, or came to nothing."""


def start_cv(plan: Plan) -> Path:
    """The folder of a new cross-validation, with its plan in it.

    Raises:
        StorageError: the disk is full or not writable.
    """
    folder = cv_folder(uuid.uuid4().hex)
    for number, (name, config) in enumerate(plan.models.items()):
        write_text(folder / (f"config-{name}.yaml" if number else "config.yaml"), to_yaml(config))
    write_json(folder / "plan.json", plan.to_dict())
    return folder


def resume_cv(folder: Path, plan: Plan | None = None) -> Plan:
    """The plan of a cross-validation that goes on.

    Args:
        plan: what was asked for, if anything was: it must be the same.

    Raises:
        ConfigError: it is another; the first difference is named.
        ReadError: the folder's plan can't be read.
    """
    path = folder / "plan.json"
    try:
        kept = Plan.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReadError(f"{path} must hold the plan of a cross-validation; it does not", "start a new one") from error
    if plan is not None and (difference := first_difference(kept.to_dict(), plan.to_dict())):
        raise ConfigError(
            f"a cross-validation goes on with what {folder.name} was started with; {difference}",
            "leave the settings out, or start a new one",
        )
    return kept


@plain_numbers()
def cross_validate(
    plan: Plan,
    folder: Path,
    compute: Compute,
    listener: CvListener,
    fleet: Mapping[str, Any] | None = None,
    table: Table | None = None,
    on_open: Callable[[Path, Table], None] = lambda folder, table: None,
    shared: SharedData | None = None,
) -> CvOutcome:
    """Runs what of a plan is not done yet, and sums everything up.

    Args:
        folder: of `start_cv`, or one to go on with.
        compute: where jobs run; entered and left here.
        fleet: used and why, to be told with the outcome.
        table: the rows; `None` loads what the plan's data section names.
        shared: the plan's data where they are made already, of these rows.
        on_open: is called with the folder and the rows once they are known to be its own, before anything is trained.

    Raises:
        NotEnoughRowsError: more splits than the data carries, or folds emptied by the purge.
        ConfigError: the data has changed since the cross-validation began, or another process works on it.
        GatewiseError: nothing finished: the first failure. Else failures are in the outcome.
        Interrupted: Ctrl-C; what is finished is kept.
    """
    store = JobStore(folder)
    done: dict[str, JobResult] = {}
    jobs: list[Job] = []
    try:
        with store.lock(), compute:
            compute.start(plan.most_jobs - store.num_results)
            if table is None:
                table = load_table(plan.base.data) if shared is None else shared.table
            _require_same_data(folder, table)
            shared = make_shared(plan.configs(), table) if shared is None else shared
            require_stretches(plan, shared)
            on_open(folder, table)
            tuned: dict[Place, ExperimentConfig | GatewiseError] = {}
            if plan.tuning is not None:
                from gatewise.selection.cv.tuned_folds import tune_folds  # brings Optuna, an extra

                tuned = tune_folds(plan, shared, folder, compute.choice if isinstance(compute, FleetCompute) else "off")
            remarks = _remarks(plan, shared)
            jobs = list(plan.jobs(shared, tuned))
            done = {job.key: result for job in jobs if (result := store.read(job.key)) is not None}
            resumed = len(done)
            failures: dict[str, JobFailure] = {}
            for job in jobs:
                if isinstance(error := tuned.get((job.model, job.horizon, job.fold)), GatewiseError):
                    failures[job.key] = JobFailure(job, error)
            waiting = [job for job in jobs if job.key not in done and job.key not in failures]
            if plan.command == CV:
                # The longest first, so that none is left over at the end while all other workers have nothing to do.
                waiting.sort(key=lambda job: -job.size)
            listener.on_plan(waiting, resumed)
            by_key, left = {job.key: job for job in waiting}, len(waiting)
            for answer in compute.map(waiting, shared, store, listener):
                if isinstance(answer, JobResult):
                    store.write(answer)
                    done[answer.key] = answer
                    listener.on_end(by_key[answer.key], answer)
                else:
                    failures[answer.job.key] = answer
                    listener.on_end(answer.job, answer)
                left -= 1
                if left == 1:  # a core lies idle by now
                    with traceless():
                        import gatewise.selection.cv.results  # noqa: F401  # so that judging need not wait for it
        folds = len({job.fold for job in jobs})
        logging.getLogger("gatewise.cv").info("Judging %d fold%s…", folds, "" if folds == 1 else "s")
        # Here, not above: judging brings scikit-learn, arch and plotly, and workers were to start without them.
        with traceless():
            from gatewise.selection.cv.results import write_results
            from gatewise.selection.cv.trained import of_trainings

        return write_results(
            plan,
            folder,
            shared,
            finished=[(job, done[job.key]) for job in jobs if job.key in done],
            failures=[failures[job.key] for job in jobs if job.key in failures],
            resumed=resumed,
            compute=compute.description,
            fleet=dict(fleet or {"used": False, "why": compute.description}),
            remarks=[*remarks, *of_trainings([job for job in jobs if job.key in done], shared)],
        )
    except KeyboardInterrupt:
        how = how_to_resume(plan.base.data, folder.name, *plan.resumed_by)
        raise Interrupted(f"with {len(done)} of {len(jobs) or plan.most_jobs} trainings done; {how}") from None


def _remarks(plan: Plan, shared: SharedData) -> list[str]:
    """What people should know of the rows and settings; the log says it before anything is trained."""
    remarks: dict[str, None] = {}
    for config in plan.configs():
        samples = shared.samples(config)
        if plan.per_symbol:  # a model of one symbol has that one's scaler
            features = config.features.model_copy(update={"scale_by": "symbol"})
            config = config.model_copy(update={"features": features})
        remarks |= dict.fromkeys(remarks_on(config, samples, samples.rows))
    for remark in remarks:
        logging.getLogger("gatewise.cv").warning("%s", remark)
    return list(remarks)


def _require_same_data(folder: Path, table: Table) -> None:
    path = folder / "data.json"
    now = {"fingerprint": table.fingerprint, "rows": table.num_rows, "symbols": list(table.symbols)}
    if not path.exists():
        write_json(path, now)
        return
    then = json.loads(path.read_text(encoding="utf-8"))
    if then != now:
        raise ConfigError(
            f"the data must be those that {folder.name} was started with; there were {then['rows']:,} rows, now there "
            f"are {table.num_rows:,}, of other values",
            "start a new one",
        )
