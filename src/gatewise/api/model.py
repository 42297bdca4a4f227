"""A trained model, as `fit` and `load` give it: what predicts frames, and what its run came to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from gatewise.api.call import are_counts, are_texts
from gatewise.api.data import Given, given
from gatewise.api.frames import in_library_of, on_rows_of
from gatewise.api.settings import read_settings
from gatewise.api.summary import WIDTH, Judged, Report, Summary
from gatewise.bundle import Bundle
from gatewise.champions.named import find_model
from gatewise.cli.output import from_here
from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import SYMBOL, TIME, Table
from gatewise.errors import ReadError, RunNotFoundError
from gatewise.evaluation.side_by_side import against, best_first, read_part, side_by_side
from gatewise.evaluation.verdict import Judgement, read_judgement
from gatewise.learners.attention import Attention
from gatewise.registry.history import History
from gatewise.registry.info import read_info


class Model(Judged):
    """A bundle that predicts frames; of a run it knows the verdict too.

    Args:
        folder: of a run, or a bundle alone; or what names one: a run's id or name, NAME@champion.
    """

    def __init__(self, folder: Path | str) -> None:
        self._bundle_folder = find_model(str(folder))
        is_run = self._bundle_folder.name == "bundle" and (self._bundle_folder.parent / "config.yaml").is_file()
        self.folder = self._bundle_folder.parent if is_run else None

    @cached_property
    def bundle(self) -> Bundle:
        """What predicts tables."""
        return Bundle.load(self._bundle_folder)

    @property
    def run_id(self) -> str | None:
        """MLflow's, 32 hex digits; `None` of a bundle that is no run's."""
        return self.folder.name if self.folder else None

    @property
    def name(self) -> str | None:
        """The run's, for people; `None` of a bundle that is no run's."""
        return read_info(self.folder).name if self.folder else None

    @property
    def config(self) -> ExperimentConfig:
        """The settings that it was trained with."""
        return self.bundle.record.config

    def to_dict(self) -> Mapping[str, Any]:
        """What `gatewise train --json` says of the run (docs/machine-interface.md).

        Raises:
            RunNotFoundError: a bundle alone, or a run that was not judged.
        """
        return self._values

    @cached_property
    def _values(self) -> Mapping[str, Any]:
        path = self.folder and self.folder / "metrics.json"
        if path is None or not path.is_file():
            raise RunNotFoundError(
                f"{self._bundle_folder} is of no run that was judged", "a model predicts all the same: model.predict"
            )
        try:
            return dict(json.loads(path.read_bytes()))
        except ValueError as error:
            raise ReadError(f"{path} must hold a run's numbers: {error}", "train anew") from error

    @property
    def judgement(self) -> Judgement:
        """Beside the baselines, on the newest part that was judged."""
        return read_judgement(self._values["verdict"], self._values["headline"])

    @property
    def metrics(self) -> Mapping[str, Mapping[str, Mapping[str, float | None]]]:
        """{part: {metric: {value, low, high}}}; bounds are `None` where no interval can be given."""
        return dict(self._values["metrics"])

    @cached_property
    def comparison(self) -> pl.DataFrame:
        """Model and baselines side by side: part, who, metric, value, low, high; a row each."""
        who = {"model": self._values["metrics"], **self._values["baselines"]}
        rows = [
            (part, name, metric, bounds["value"], bounds["low"], bounds["high"])
            for name, parts in who.items()
            for part, metrics in parts.items()
            for metric, bounds in metrics.items()
        ]
        names = {"part": pl.String, "who": pl.String, "metric": pl.String}
        return pl.DataFrame(rows, schema=names | dict.fromkeys(("value", "low", "high"), pl.Float64), orient="row")

    @property
    def history(self) -> pl.DataFrame:
        """Every number of every epoch: step (from 1), name, value; see `to_dict` for the error."""
        _ = self._values
        assert self.folder is not None
        return History.read(self.folder / "history.parquet").frame

    def predict(
        self, data: Any, *, device: str = "auto", settings: Mapping[str, Any] | None = None, **said: Any
    ) -> Any:
        """Scores every row that has a full, gap-free window; rows are read as the training rows were.

        Args:
            data: a frame of pandas, polars or Arrow; a `Table`; or paths of files.
            device: auto, cpu, cuda, cuda:1.
            settings, said: how these rows are read where it is otherwise, as `stamp="close"`.

        Returns:
            Of a frame: one of its kind, a row for each of its own in their order, of pandas with its index: the
            prob_<class> columns and label, or the outputs or quantiles in their own units; null, in pandas NaN, where
            a row has no full window. Of all else: symbol, time (when the prediction is knowable) and the same columns.

        Raises:
            NotEnoughRowsError: no row has a full window.
            SchemaError, ReadError, AmbiguousError, ConfigError: see `load_table` and `Bundle.predict`.
        """
        rows = given(data)
        table = self._load(rows, settings or {}, said)
        return self._placed(data, rows, table, self.bundle.predict(table, device=device))

    def hidden_states(
        self, data: Any, *, device: str = "auto", settings: Mapping[str, Any] | None = None, **said: Any
    ) -> Any:
        """What the network has made of each row's window: the state that its prediction is read from.

        The arguments are `predict`'s, and so is what comes back, with columns state_0, … in place of predictions.

        Raises:
            ConfigError: a model that has none.
        """
        rows = given(data)
        table = self._load(rows, settings or {}, said)
        return self._placed(data, rows, table, self.bundle.hidden_states(table, device))

    def attention(
        self,
        data: Any,
        *,
        newest: int = 100,
        device: str = "auto",
        settings: Mapping[str, Any] | None = None,
        **said: Any,
    ) -> Attention:
        """How much the steps of windows read of each other, and how much each counted.

        Args:
            newest: how many rows with a full window; the other arguments are `predict`'s.

        Raises:
            ConfigError: a model without attention.
        """
        table = self._load(given(data), settings or {}, said)
        return self.bundle.attention(table, newest, device)

    def explain(
        self,
        data: Any = None,
        *,
        time: str | datetime | None = None,
        symbol: str | None = None,
        output: str | None = None,
        groups: bool = False,
        features: Sequence[str] = (),
        rows: int = 2000,
        repeats: int = 5,
        seed: int = 42,
        device: str = "auto",
        settings: Mapping[str, Any] | None = None,
        **said: Any,
    ) -> Any:
        """What predictions rest on, or with `time` why one of them was made (docs/explain.md).

        Args:
            data: rows as `predict` takes them; `None`: those that the run's own data section names. Of what the model
                was trained on the validation rows are judged, of other rows all with a full window and a label.
            time, symbol: of the prediction that is explained, as `predict` gives them; of no time zone: UTC.
            output: which class or column is; `None`: the class that is decided on, or the first column.
            groups: whether families of features are moved together.
            features: these alone; patterns such as "volume*", or families. With `groups` all of them together.
            rows: predicted anew in each pass, at most.
            repeats: orders in which blocks of rows are put. seed: of the orders.
            settings, said: see `predict`.

        Returns:
            Without `time` a row for each feature or group: name, features, increase (of the deciding metric, where
            these are moved), low, high (null: no interval). With `time` one for each step and feature: step (0: the
            row itself), time, feature, value, attribution. Of pandas where `data` is, else of polars.

        Raises:
            ConfigError: what `time` asks for is about one prediction, or the model has no gradient.
            UnknownNameError: no such symbol, feature, class or column.
            SchemaError, NotEnoughRowsError: no row is known then, or none with a full window.
        """
        are_texts(symbol=symbol, output=output)
        are_counts(rows=rows, repeats=repeats, seed=seed)
        from gatewise.bundle.explaining import attribution, importances, own_table, row_at
        from gatewise.explain.importance import Passes

        table = own_table(self.bundle) if data is None else self._load(given(data), settings or {}, said)
        if time is None:
            passes = Passes(max(1, repeats), max(1, rows), seed)
            how: Any = {"only": features, "grouped": groups, "passes": passes, "device": device}
            return in_library_of(data, importances(self.bundle, table, own_rows=data is None, **how).frame)
        matrix = self.bundle.features(table)
        row = row_at(self.bundle, table, matrix, time, symbol)
        return in_library_of(data, attribution(self.bundle, table, row, output, matrix).frame)

    def _load(self, rows: Given, settings: Mapping[str, Any], said: Mapping[str, Any]) -> Table:
        overrides = read_settings(settings, said, fixed=rows.fixed)
        rows.refuse(overrides)
        return rows.load(self.bundle.reading(overrides=overrides), self.bundle.only_symbol)

    def _placed(self, data: Any, rows: Given, table: Table, predictions: pl.DataFrame) -> Any:
        if rows.frame is None:
            return predictions
        places = table.frame.select(SYMBOL, TIME).with_columns(pl.Series("__place", table.source_row))
        keyed = predictions.select(SYMBOL, TIME).join(places, on=[SYMBOL, TIME], how="left", maintain_order="left")
        values = predictions.drop(SYMBOL, TIME)
        beside = table.symbols if places["__place"].is_duplicated().any() else ()
        return on_rows_of(data, values, keyed["__place"].to_numpy(), predictions[SYMBOL], beside)

    def save(self, folder: str | Path) -> Path:
        """Writes the bundle as one folder, whole or not at all; `gatewise.load` reads it. A bundle there is replaced.

        Raises:
            StorageError: `folder` holds something else, or the disk is full or not writable.
        """
        place = Path(folder).expanduser()
        self.bundle.save(place)
        return place

    def report(self) -> Report:
        """The run's page: a path, which a notebook shows.

        Raises:
            RunNotFoundError: of a bundle that is no run's.
        """
        _ = self._values
        assert self.folder is not None
        return Report(self.folder / "report.html")

    @property
    def summary(self) -> Summary:
        if self.folder is None or not (self.folder / "metrics.json").is_file():
            predicted = ", ".join(self.bundle.predicted_columns[2:])
            return Summary(f"A model that predicts {predicted}", "open", facts={"bundle": str(self._bundle_folder)})
        part = self._values["judged_on"]
        model, baselines = read_part(self._values, part)
        head, lines = side_by_side(model, baselines, self.config.evaluation.confidence, best_first(baselines))
        long = against(self.judgement, model, baselines)
        unit = self._values["units"].get("errors")
        units = [f"Errors are in {unit}."] if unit else []
        decided = [decision["words"]] if (decision := self._values.get("decision")) else []
        wins = self._values["windows"]
        run_id, members = self.folder.name, [member["name"] for member in self._values.get("members", ())]
        trained = f"best epoch {self._values['best_epoch']} of {self._values['epochs']}"
        return Summary(
            long if len(long) <= WIDTH else self.headline,
            self.judgement.tone,
            f"{self.config.model.name} on {wins[part]:,} {part} rows, {wins['train']:,} to train on; "
            f"{'of ' * bool(members)}{', '.join(members) or trained}",
            head,
            lines,
            [*decided, *units, *(f"{remark.rstrip('.')}." for remark in self._values["remarks"])],
            {"run": f"{run_id[:8]}  {self.name}", "report": str(from_here(self.folder / "report.html"))},
            ("result.predict(new_rows)", "result.report()", f"gatewise runs show {run_id[:8]}"),
            self._curves(),
        )

    def _curves(self) -> Mapping[str, list[float]]:
        frame = self.history
        names = [name for name in ("train_loss", "val_loss") if name in frame["name"]]
        return {name: frame.filter(pl.col("name") == name)["value"].to_list() for name in names}
