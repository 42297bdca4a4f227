"""The zoo by what its models eat."""

from __future__ import annotations

from gatewise.models.registry import MODELS

NETWORKS = tuple(name for name, spec in MODELS.items() if spec.consumes == "sequences")
ROWS = tuple(name for name in MODELS if name not in NETWORKS)
