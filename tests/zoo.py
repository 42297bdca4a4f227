"""The zoo by what its models eat."""

from __future__ import annotations

from gatewise.models.base import EnsembleSpec, NeuralSpec, TabularSpec
from gatewise.models.registry import MODELS

NETWORKS = tuple(name for name, spec in MODELS.items() if isinstance(spec, NeuralSpec))
ROWS = tuple(name for name, spec in MODELS.items() if isinstance(spec, TabularSpec))
ENSEMBLES = tuple(name for name, spec in MODELS.items() if isinstance(spec, EnsembleSpec))
