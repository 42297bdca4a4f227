"""Whether there is a fleet, and what its members share. All else may be each member's own, rates of dropout too."""

from __future__ import annotations

from typing import Any

from gatewise.config.fields import flatten
from gatewise.config.section import Section
from gatewise.errors import ConfigError

# Settings, and sections for all that is in them.
SHARED = (
    "model",
    "features.clip",
    "windows.sequence_length",
    "windows.supervise",
    "windows.burn_in",
    "training.batch_size",
    "training.optimizer.name",
    "training.loss",
    "training.monitor",
    "training.precision",
    "training.device",
    "training.checkpoint_every_epochs",
)


def require_fleet_choice(choice: str) -> None:
    """Raises ConfigError if it does not say whether members are trained as one."""
    if choice not in ("auto", "on", "off"):
        raise ConfigError(f"fleet is auto, on or off; got {choice!r}")


def is_shared(path: str) -> bool:
    """Whether members must agree in a setting, such as `model.hidden_size`."""
    # Rates of dropout are numbers that a member carries beside its weights.
    return "dropout" not in path and any(f"{path}.".startswith(f"{name}.") for name in SHARED)


def shared_settings(section: Section, path: str = "") -> dict[str, Any]:
    """{setting: plain value} of what members must agree in.

    Args:
        section: an experiment's config, or its section at `path`.
    """
    return {name: value for name, value in flatten(section.model_dump(mode="json"), path) if is_shared(name)}


def require_alike(first: Section, other: Section, path: str = "") -> None:
    """Raises ConfigError, with the setting and both values, if two configs can't be members of one fleet."""
    settings, other_settings = shared_settings(first, path), shared_settings(other, path)
    for name in settings | other_settings:
        if settings.get(name) != other_settings.get(name):
            raise ConfigError(
                f"members of a fleet must share {name}; got {settings.get(name)} and {other_settings.get(name)}",
                'fleet="off" trains them one by one',
            )
