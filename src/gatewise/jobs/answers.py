"""What comes of a job as bytes, which pass between processes: its result, or the error that it came to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from gatewise.errors import GatewiseError
from gatewise.jobs.jobs import Job, JobFailure, JobResult, error_from_dict, error_to_dict
from gatewise.jobs.run import run_job
from gatewise.jobs.shared import SharedData
from gatewise.training.listeners import Listener

_RESULT, _FAILURE = b"r", b"f"


def run_to_bytes(
    job: Job,
    shared: SharedData,
    listener: Listener,
    checkpoint: Path | None,
    on_stretch: Callable[[int, int], None] = lambda done, num_stretches: None,
) -> bytes:
    """See `run_job`; what a user can mend is in the bytes, anything else is raised."""
    try:
        return _RESULT + run_job(job, shared, listener, checkpoint, on_stretch).to_bytes()
    except GatewiseError as error:
        return _FAILURE + json.dumps(error_to_dict(error)).encode()


def answer_from_bytes(job: Job, data: bytes) -> JobResult | JobFailure:
    """What `run_to_bytes` made."""
    if data[:1] == _RESULT:
        return JobResult.from_bytes(data[1:])
    return JobFailure(job, error_from_dict(json.loads(data[1:])))
