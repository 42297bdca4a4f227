"""What a network's kept training state belongs to, so that it is gone on from by the same experiment alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from gatewise.config.schema import ExperimentConfig
from gatewise.samples import Samples
from gatewise.training.checkpoint import load_checkpoint


def kept_state(
    checkpoint: Path, config: ExperimentConfig, samples: Samples
) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """What a training goes on from; `None` where nothing is kept.

    Raises:
        BundleError: the checkpoint is damaged, or of another config, other code or other data.
    """
    return load_checkpoint(checkpoint, checkpoint_key(config, samples), older_key(config, samples))


def checkpoint_key(config: ExperimentConfig, samples: Samples) -> str:
    """What a kept state belongs to: the config but for its learning rate, the data, and what its losses mean.

    A run that goes on may take a lower rate; the state itself holds which rates it had (`Progress.rates`).
    """
    training = config.training.model_copy(update={"learning_rate": 1.0})
    return f"{config.model_copy(update={'training': training}).digest}/{samples.table.fingerprint}/2"


def older_key(config: ExperimentConfig, samples: Samples) -> str | None:
    """How the key of a state of 0.1 ends that can be gone on from: in the data. What came before that was a hash of the
    config as 0.1 had it, with options of all optimizers and schedules.

    `None` for weighted classes, whose losses were kept with the weights: a best epoch of then can't be held against the
    plain losses of now.
    """
    return f"/{samples.table.fingerprint}" if config.training.class_weights == "none" else None
