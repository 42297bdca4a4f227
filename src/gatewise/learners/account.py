"""What a training step of a configured network takes in memory, by the features and outputs that it is trained on."""

from __future__ import annotations

from collections.abc import Sequence

from gatewise.config.schema import ExperimentConfig
from gatewise.learners.forecast import forecast_of
from gatewise.targets.outputs.base import OutputSpec
from gatewise.training.memory import Account, memory_of


def account_of(
    config: ExperimentConfig,
    features: Sequence[str],
    spec: OutputSpec,
    num_symbols: int,
    num_rows: int = 0,
    device: str = "cpu",
    precision: str = "fp32",
) -> Account:
    """The account by batch size.

    Args:
        features: names, in the matrix's order. num_symbols: that it is trained on.
        num_rows, device, precision: see `memory_of`.

    Raises:
        ConfigError: see `memory_of`.
    """
    return memory_of(
        config.model,
        config.windows.sequence_length,
        len(features),
        num_rows,
        device,
        precision,
        spec.num_outputs,
        forecast=forecast_of(config, features, spec),
        num_onehot=num_symbols if config.features.symbol_onehot else 0,
    )
