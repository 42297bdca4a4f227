"""What people should know of the trainings of a cross-validation: which features they left unread, and sizes far from
the data's.

Loaded when the trainings have ended, as networks are built to be counted: the process that plans them begins without
torch.
"""

from __future__ import annotations

from collections.abc import Sequence

from gatewise.jobs.jobs import Job
from gatewise.jobs.shared import SharedData
from gatewise.learners.sizes import size_remarks
from gatewise.levels import unread_columns, unread_in_folds


def of_trainings(jobs: Sequence[Job], shared: SharedData) -> list[str]:
    """Sentences; each size is spoken of once, where the most rows are learned from.

    Args:
        jobs: that came to an end.
    """
    unread = _unread(jobs, shared)
    return [*_sizes(jobs, shared), *([unread] if unread else [])]


def _sizes(jobs: Sequence[Job], shared: SharedData) -> list[str]:
    largest: dict[tuple[str, int], Job] = {}
    for job in jobs:
        place = job.model, job.horizon
        if place not in largest or job.size > largest[place].size:
            largest[place] = job
    several = len(largest) > 1
    remarks = []
    for (model, horizon), job in largest.items():
        said = size_remarks(job.config, shared.samples(job.config), job.size)
        remarks += [f"{model}@{horizon}: {remark}" if several else remark for remark in said]
    return remarks


def _unread(jobs: Sequence[Job], shared: SharedData) -> str | None:
    """A fold's are those of all its trainings: of models with longer windows, and of each symbol's."""
    unread: dict[int, set[int]] = {}
    seen = set()
    for job in jobs:
        part = (job.fold, job.horizon, job.symbol, job.config.windows.sequence_length)
        if part not in seen:
            seen.add(part)
            train = shared.fold(job.horizon, job.fold, job.symbol).train
            columns = unread_columns(job.config, shared.samples(job.config), train)
            unread.setdefault(job.fold, set()).update(columns)
    return unread_in_folds(unread, shared.matrix.names, jobs[0].config.features.drop_correlated) if jobs else None
