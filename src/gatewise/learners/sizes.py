"""Sizes far from the data's, remarked on before anything is trained: advice, never a refusal.

Labels that overlap say much the same, so training labels count as many as don't overlap: rows by the longest horizon.
Remarked on are

    more than 2,000 weights for such a label. Networks are trained well with far more than one (Zhang et al. 2017,
        "Understanding deep learning requires rethinking generalization"), so this is a convention for what is far
    three layers or more on fewer than 1,000 windows: two did best wherever Reimers & Gurevych (2017, "Optimal
        hyperparameters for deep LSTM-networks for sequence labeling tasks") looked, with far more rows
    windows longer than the receptive field of a convolutional network: what lies before it is never read
    windows longer than a tenth of the training windows: neighbours then differ in next to nothing
    batches of more than half the part: an epoch is then a step, and 100 epochs are 100 steps
"""

from __future__ import annotations

from collections.abc import Iterator

from gatewise.config.schema import ExperimentConfig
from gatewise.learners.neural import build
from gatewise.models.base import NeuralSpec
from gatewise.models.registry import find_spec
from gatewise.parts import path_of
from gatewise.samples import Samples

MOST_WEIGHTS = 2_000  # for a label
AIM = 200  # what advice aims at
DEEP_LAYERS, DEEP_WINDOWS = 3, 1_000
WINDOW_SHARE = 0.1
LEAST_STEPS = 2


def size_remarks(config: ExperimentConfig, samples: Samples, num_train: int) -> tuple[str, ...]:
    """A sentence for each size that is far from the data's; none for models of one row.

    Args:
        num_train: training samples.
    """
    if not isinstance(find_spec(config.model.name), NeuralSpec):
        return ()
    return tuple(_remarks(config, samples, num_train))


def _remarks(config: ExperimentConfig, samples: Samples, num_train: int) -> Iterator[str]:
    windows, labels = len(range(0, num_train, config.windows.stride)), max(1, num_train // config.target.horizon)
    weights = 0
    if path_of("model", config.model.name) is None:  # one's own is built when it is checked and trained
        weights = sum(parameter.numel() for parameter in build(config, samples).parameters())
    if weights > MOST_WEIGHTS * labels:
        yield (
            f"The model is large for the data: {weights:,} weights for {labels:,} training labels that don't overlap; "
            f"{_smaller(config, weights, labels)}"
        )
    layers = getattr(config.model, "num_layers", 1)
    if layers >= DEEP_LAYERS and windows < DEEP_WINDOWS:
        yield f"{layers} layers are many for {windows:,} training windows: model.num_layers=2"
    length = config.windows.sequence_length
    read = getattr(config.model, "receptive_field", length) * getattr(config.model, "input_patch", 1)
    if read < length:
        yield (
            f"Of a window's {length} rows {config.model.name} reads the last {read}: windows.sequence_length={read}, "
            "or more layers"
        )
    if length > WINDOW_SHARE * windows:
        shorter = max(config.windows.burn_in + 1, int(WINDOW_SHARE * windows))
        yield (
            f"Windows of {length} rows are long for {windows:,} training windows, more than a tenth: "
            f"windows.sequence_length={shorter}"
        )
    epoch, batch = min(windows, config.training.windows_per_epoch or windows), config.training.batch_size
    if epoch >= batch > epoch / LEAST_STEPS and not config.training.auto_batch_size:
        yield (
            f"A batch of {batch:,} is large for {epoch:,} training windows, one step an epoch: "
            f"training.batch_size={max(1, epoch // 16)}"
        )


def _smaller(config: ExperimentConfig, weights: int, labels: int) -> str:
    """Weights grow with the square of the units: the power of two that stays below the aim."""
    units = getattr(config.model, "hidden_size", None)
    if units is None:
        return "a smaller model"
    wanted = units * (AIM * labels / weights) ** 0.5
    return f"model.hidden_size={1 << max(0, int(wanted).bit_length() - 1)}"
