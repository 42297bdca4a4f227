"""gatewise: from raw rows to an LSTM-family model that is trained honestly, proved and saved."""

from __future__ import annotations

from gatewise.loading import lazily

# Names are looked up on first use, so that `import gatewise` and `gatewise --help` load nothing heavy.
_WHERE = {
    "Bundle": "gatewise.bundle",
    "ExperimentConfig": "gatewise.config.schema",
    "GatewiseError": "gatewise.errors",
    "ModelRegistry": "gatewise.estimator",
    "Outcome": "gatewise.outcome",
    "PurgedFolds": "gatewise.splits.protocol",
    "SequenceModel": "gatewise.estimator",
    "Table": "gatewise.data.table",
    "audit": "gatewise.api.check",
    "backtest": "gatewise.api.backtest",
    "champion": "gatewise.api.fit",
    "check": "gatewise.api.check",
    "compare": "gatewise.api.compare",
    "cv": "gatewise.api.cv",
    "evaluate": "gatewise.api.evaluate",
    "fit": "gatewise.api.fit",
    "history": "gatewise.api.promote",
    "load": "gatewise.api.fit",
    "load_config": "gatewise.config.load",
    "load_table": "gatewise.data.load",
    "promote": "gatewise.api.promote",
    "rollback": "gatewise.api.promote",
    "run_experiment": "gatewise.experiment",
    "study": "gatewise.api.study",
    "tune": "gatewise.api.tune",
    "train": "gatewise.registry.train",
}
__all__ = sorted(_WHERE)
__getattr__, __dir__ = lazily(__name__, _WHERE)
