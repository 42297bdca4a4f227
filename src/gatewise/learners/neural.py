"""Networks over windows: builds one, sizes its batch, trains it in the loop."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gatewise.config.schema import ExperimentConfig, NetworkConfig
from gatewise.errors import BundleError, LabelError
from gatewise.features.symbols import require_trained
from gatewise.fold import FittedFold, make_windows, place_windows
from gatewise.learners.account import account_of
from gatewise.learners.base import Inputs, Shape, Trained, no_hidden_states
from gatewise.learners.forecast import forecast_of
from gatewise.learners.kept_state import checkpoint_key, kept_state
from gatewise.models.base import Network
from gatewise.models.frame import require_forecast, side_by_side, unwrapped
from gatewise.models.registry import build_model, network_spec
from gatewise.models.sound import sound_network
from gatewise.nn.initial import seeded
from gatewise.parts import path_of
from gatewise.sample_weights import fit_sample_weights
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.targets.outputs.base import OutputSpec
from gatewise.training.batch_size import BatchSizeChoice
from gatewise.training.budget import WHOLE, Budget
from gatewise.training.checkpoint import save_checkpoint
from gatewise.training.device import Precision, choose_device, choose_precision
from gatewise.training.fit import check_batch_size, fit
from gatewise.training.inference import over_windows, predict_outputs
from gatewise.training.listeners import Listener
from gatewise.training.passes import run_passes
from gatewise.training.step import within_memory
from gatewise.training.timed_steps import try_batch_sizes
from gatewise.windows import Windows, evenly


class NeuralPredictor:
    """A network that carries its best weights."""

    def __init__(self, module: Network, spec: OutputSpec, floor: npt.NDArray[np.float64]) -> None:
        self.module = module.eval()
        self.spec = spec
        self.floor = floor
        self._placed: dict[torch.device, Network] = {}

    def predict(self, inputs: Inputs) -> npt.NDArray[np.float64]:
        module, windows = self.placed_with(inputs)
        return self.spec.predictions(predict_outputs(module, windows, inputs.rows), self.floor)

    def hidden_states(self, inputs: Inputs) -> npt.NDArray[np.float32]:
        read = network_spec(inputs.config.model).hidden_states
        if read is None:
            raise no_hidden_states(inputs.config.model)
        module, windows = self.placed_with(inputs)
        # They leave the device batch by batch: all of them are a window's length times as large as the outputs.
        return over_windows(
            windows,
            inputs.rows,
            lambda *tensors: side_by_side(read(*unwrapped(module, *tensors)), len(tensors[0])).cpu(),
        )

    def tensors(self) -> Mapping[str, Tensor]:
        return {name: value.detach().cpu().clone() for name, value in self.module.state_dict().items()}

    def state(self) -> Mapping[str, Any]:
        return {}

    def placed_with(self, inputs: Inputs) -> tuple[Network, Windows]:
        """The module where the rows are to be, a copy if it lies elsewhere, and their windows."""
        device, _ = choose_device(inputs.device)
        if device not in self._placed:
            home = next(self.module.parameters()).device
            self._placed[device] = self.module if home == device else deepcopy(self.module).to(device)
        return self._placed[device], place_windows(inputs.config, inputs.values, inputs.scaler, inputs.codes, device)


class Neural:
    """The loop: epochs of shuffled windows, early stopping on validation rows, a checkpoint an epoch."""

    def check(
        self, config: ExperimentConfig, samples: Samples, fold: FittedFold, train_rows: Rows, val_rows: Rows
    ) -> None:
        """Finds what would stop `train`, before anything is begun.

        Raises:
            ConfigError: an invalid device, precision or batch size.
            LabelError: no validation row counts, as training never saw a class of theirs.
            NotEnoughRowsError: something is fitted to each symbol, and one has no training row.
        """
        if isinstance(config.model, NetworkConfig) and config.model.continues:
            names = samples.matrix.names
            require_forecast(config.model, forecast_of(config, names, samples.labels.spec), len(names))
        if config.knows_symbols:
            require_trained(samples.table, train_rows)
        device, _ = choose_device(config.training.device)
        choose_precision(config.training.precision, device)
        if not config.training.auto_batch_size:
            check_batch_size(config.training, len(train_rows[:: config.windows.stride]))
        judged = evenly(val_rows, config.training.validation_windows)
        if len(fold.class_weights) and not fold.class_weights[samples.labels.at(judged).astype(np.int64)].any():
            raise LabelError(
                "some validation row must count; training never sees a class that occurs there",
                "give more rows, or move the barriers (target.upper, target.lower) or the horizon",
            )

    @within_memory()
    def train(
        self,
        config: ExperimentConfig,
        samples: Samples,
        fold: FittedFold,
        train_rows: Rows,
        val_rows: Rows,
        listener: Listener,
        checkpoint: Path | None = None,
        budget: Budget = WHOLE,
    ) -> Trained:
        """Trains the configured model; the same config, rows and thread count give the same weights.

        Args:
            checkpoint: where to keep the state after each epoch; if the file is there already, training goes on from
                it, with another learning rate from the best epoch's weights in it.
            budget: see `fit`.

        Raises:
            ConfigError: an invalid device, precision or batch size.
            BundleError: the checkpoint is damaged or of another config or other data.
            DivergedError, MemoryExhaustedError: see `fit`.
        """
        saved = save = None
        if checkpoint:
            saved = kept_state(checkpoint, config, samples)
            key = checkpoint_key(config, samples)
            save = partial(save_checkpoint, checkpoint, key=key, own_parts=config.own_parts)
        settings = config.training
        device, device_words = choose_device(settings.device)
        precision = choose_precision(settings.precision, device)
        windows = make_windows(config, samples, fold, device)
        spec = samples.labels.spec

        stride = config.windows.stride
        rows = train_rows[::stride]
        model = build(config, samples).to(device)
        weights = sum(parameter.numel() for parameter in model.parameters())
        unset = {"name": config.model.name, "symbol_embedding": 0}
        shown = config.model.without_later().items()
        shape = ", ".join(f"{name}={value}" for name, value in shown if value is not None and unset.get(name) != value)
        listener.on_message(f"Initializing {config.model.name}: {shape}, "
                            f"seq_len={config.windows.sequence_length}; {weights:,} weights")  # fmt: skip
        listener.on_message(f"Device: {device_words}")
        listener.on_message(f"Precision: {precision.name} ({precision.reason})")
        if saved:
            settings = settings.model_copy(update={"batch_size": saved[1]["batch_size"]})
            listener.on_message(f"Resuming after epoch {saved[1]['epoch']}")
        elif settings.auto_batch_size:
            choice = _measure_batch_size(
                config,
                windows,
                rows[: settings.windows_per_epoch],
                precision,
                samples,
                build(config, samples).to(device),
            )
            settings = settings.model_copy(update={"batch_size": choice.batch_size})
            speeds = ", ".join(f"{size}: {speed:,.0f}" for size, speed in choice.windows_per_second.items())
            listener.on_message(f"Measured windows/s by batch size: {speeds}; {choice.reason}")
        listener.on_message(f"Batch size: {settings.batch_size}")
        moments: dict[str, Tensor] | None = {} if config.online.goes_on else None
        result = fit(model, windows, rows, val_rows, settings, precision, spec, listener, saved, save, budget, moments)
        predictor = NeuralPredictor(model, spec, fold.floor)
        optimizer = {name: tensor.cpu() for name, tensor in (moments or {}).items()}
        return Trained(predictor, result, device_words, precision, settings.batch_size, len(rows), optimizer=optimizer)

    @within_memory()
    def update(
        self, config: ExperimentConfig, samples: Samples, fold: FittedFold, trained: Trained, rows: Rows, number: int
    ) -> Trained:
        online, stride = config.online, config.windows.stride
        recent = np.sort(rows[-(online.recent or trained.train_windows * stride) :])[::stride]
        rate = online.warm_rate(config.training.learning_rate)
        settings = config.training.model_copy(
            update={"learning_rate": rate, "batch_size": min(trained.batch_size, len(recent))}
        )
        weights = fit_sample_weights(config.training, samples, recent, samples.steps_scored)
        device, _ = choose_device(settings.device)
        windows = make_windows(config, samples, replace(fold, sample_weights=weights), device)
        spec = samples.labels.spec
        model = build(config, samples)
        model.load_state_dict(dict(trained.predictor.tensors()))
        model.to(device)
        optimizer = run_passes(
            model, windows, recent, settings, trained.precision, spec, trained.optimizer, online.passes, number
        )
        return replace(trained, predictor=NeuralPredictor(model, spec, fold.floor), optimizer=optimizer)

    @within_memory()
    def sketch(self, config: ExperimentConfig, samples: Samples, fold: FittedFold, train_rows: Rows) -> NeuralPredictor:
        """With its initial weights."""
        return NeuralPredictor(build(config, samples), samples.labels.spec, fold.floor)

    @within_memory()
    def restore(
        self, config: ExperimentConfig, shape: Shape, tensors: Mapping[str, Tensor], state: Mapping[str, Any]
    ) -> NeuralPredictor:
        module = build_model(
            config.model,
            len(shape.features),
            shape.spec.num_outputs,
            num_symbols=shape.num_symbols,
            symbol_onehot=config.features.symbol_onehot,
            forecast=forecast_of(config, shape.features, shape.spec),
        )
        wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
        got = {name: tuple(value.shape) for name, value in tensors.items()}
        for name in sorted(wanted.keys() | got.keys()):
            if wanted.get(name) != got.get(name):
                raise BundleError(
                    f"{name} must be {wanted.get(name, 'absent')}; got {got.get(name, 'nothing')}",
                    "the weights are of another model; copy the bundle again from where it was trained",
                )
        module.load_state_dict(dict(tensors))
        return NeuralPredictor(module, shape.spec, shape.floor)


def build(config: ExperimentConfig, samples: Samples) -> Network:
    """The configured model on the CPU, with the initial weights of its seed; one's own is asked whether it is sound."""
    name, readout, num_features = config.model.name, config.windows.supervise, len(samples.matrix.names)
    num_outputs = samples.labels.spec.num_outputs
    forecast = forecast_of(config, samples.matrix.names, samples.labels.spec)

    def built() -> Network:
        return build_model(
            config.model,
            num_features,
            num_outputs,
            readout,
            len(samples.table.symbols),
            config.features.symbol_onehot,
            seeded(config.training.seed),
            forecast,
        )

    if path_of("model", name) is None:
        return built()
    steps = config.windows.sequence_length
    return sound_network(name, built, steps, num_features, num_outputs, readout)


def _measure_batch_size(
    config: ExperimentConfig,
    windows: Windows,
    rows: Rows,
    precision: Precision,
    samples: Samples,
    model: Network,
) -> BatchSizeChoice:
    """Measured on `model`, which comes out spoilt; no size is tried whose account passes the memory there is."""
    spec, symbols = samples.labels.spec, samples.table.symbols
    account = account_of(config, samples.matrix.names, spec, len(symbols), precision=precision.name)
    ends = torch.from_numpy(rows).to(windows.matrix.device)
    return try_batch_sizes(model, windows, ends, config.training, precision, spec, lambda size: account(size).total)
