"""gatewise: from raw rows to an LSTM-family model that is trained honestly, proved and saved."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Names are looked up on first use, so that `import gatewise` and `gatewise --help` load nothing heavy.
_WHERE = {
    "Bundle": "gatewise.bundle",
    "ExperimentConfig": "gatewise.config.schema",
    "GatewiseError": "gatewise.errors",
    "ModelRegistry": "gatewise.estimator",
    "Outcome": "gatewise.experiment",
    "SequenceModel": "gatewise.estimator",
    "Table": "gatewise.data.table",
    "load_config": "gatewise.config.load",
    "load_table": "gatewise.data.load",
    "run_experiment": "gatewise.experiment",
    "train": "gatewise.registry.train",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'gatewise' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
