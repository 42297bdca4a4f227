"""`gatewise.fit` and `load`: from a frame to a trained, judged, recorded model in one call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from gatewise.api.call import Call, Config, are_counts, are_texts, speaking
from gatewise.api.model import Model
from gatewise.config.load import load_config
from gatewise.errors import ArgumentError, ConfigError
from gatewise.registry.folders import find_run_folder

_RATE = "training.learning_rate"


def fit(
    data: Any = None,
    *,
    config: Config = None,
    settings: Mapping[str, Any] | None = None,
    preset: str | Path | None = None,
    run_name: str | None = None,
    resume: str | None = None,
    max_time: str | timedelta | None = None,
    stop_after_epoch: int | None = None,
    progress: bool = True,
    **said: Any,
) -> Model:
    """Trains a model on purged chronological parts, judges it beside baselines and records the run.

    `gatewise.fit(frame, model="lstm", target="triple_barrier", horizon=20, seq_len=60)` does with a frame what
    `gatewise train` does with a file of the same rows: the same table, the same weights, the same record.

    Args:
        data: rows: a frame of pandas, polars or Arrow, with the time in a column or in pandas' index, of one symbol or
            many; a `Table`; paths of files; or `None`, where settings name them (`source="sp500"`).
        config: a file, what a file would hold, or a whole config.
        settings: by dotted names, such as {"model.dropout": 0.2}.
        preset: settings of a whole experiment, below all of these: a name that `gatewise config presets` lists, or a
            file.
        run_name: `None`: made of data, model, target and horizon.
        resume: id (or its start) of a run that was cut off; rows that came as a frame are given again, and of settings
            none but a lower learning_rate.
        max_time: like "10m", after which no epoch begins; the run can go on later.
        stop_after_epoch: a later sitting goes on from there.
        progress: whether epochs, and notes on how rows were read, are told on stderr.
        said: settings by the names of flat config files (`sequence_length`, `hidden_size`), the spelling of flags
            (`seq_len`, `timezone`), or fields' own where only one is called so.

    Raises:
        GatewiseError: rows or settings that can't be trained on; see `registry.train.train`.
        Interrupted: Ctrl-C; the text says how to go on.
    """
    are_texts(run_name=run_name, resume=resume)
    are_counts(stop_after_epoch=stop_after_epoch)
    call = Call(data, config, settings, said, fit, preset)
    rate = call.overrides.pop(_RATE, None) if resume is not None else None
    if resume is None:
        made = call.config()
    else:
        if call.says_anything:
            raise ConfigError(
                "a run goes on with its own config; beside resume only a lower learning_rate may be said",
                "leave other settings out, or start a new run to change them",
            )
        made = load_config(find_run_folder(resume) / "config.yaml", overrides=call.rows.fixed)
    with speaking(progress):
        from gatewise.cli.progress import EpochProgress
        from gatewise.registry.train import train
        from gatewise.training.budget import Budget

        budget = Budget.of(max_time, stop_after_epoch)

        table = call.rows.load(made.data)
        with EpochProgress(made.training, quiet=not progress, words=str) as listener:
            new = None if resume else made
            _, outcome = train(new, table, (listener,), resume, rate, run_name, budget=budget)
    return Model(outcome.folder)


def load(model: str | Path) -> Model:
    """A trained model again: of a run by its id (or enough of its start) or name, of a bundle's folder, or a champion:
    NAME@champion, NAME@previous, NAME@frozen, NAME@NUMBER.

    Raises:
        ArgumentError: neither a text nor a path.
        RunNotFoundError: no such run, folder or champion.
        BundleError: it is damaged, or of a later version.
    """
    if not isinstance(model, str | Path):
        raise ArgumentError(f"a model is a run's id or name, or a folder; got {model!r}", 'gatewise.load("ID")')
    loaded = Model(Path(model).expanduser())
    _ = loaded.bundle
    return loaded


def champion(name: str) -> Model:
    """The model that was last promoted under a name, as it stands now: `gatewise.champion("btc").predict(frame)`.

    Its bundle comes from the store, every byte checked; the run that it was trained by need not be there any more.

    Raises:
        ArgumentError: no text.
        RunNotFoundError: nothing was promoted under that name.
        BundleError: the bundle is not in the store, or was changed there.
    """
    are_texts(name=name)
    return load(f"{name}@champion")
