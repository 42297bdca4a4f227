"""What scikit-learn asks of an estimator beside fit and predict: parameters, tags, attributes of a fit, pickling."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any, Self, get_args

import numpy as np
from safetensors.torch import load, save
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError as ScikitLearnNotFittedError
from sklearn.utils import ClassifierTags, RegressorTags, Tags

from gatewise.as_numpy import Array
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ConfigError
from gatewise.estimator.fields import require_known, resolve
from gatewise.estimator.fitted import Fitted
from gatewise.estimator.targets import Task
from gatewise.splits.base import Rows
from gatewise.training.progress import FitResult


class NotFittedError(ConfigError, ScikitLearnNotFittedError):
    """A model was asked for what only a fitted one has."""


class NotAClassifierError(ConfigError, AttributeError):
    """A regressor was asked for what only a classifier has."""


class OfClassifiers:
    """A method that regressors do not have: scikit-learn asks whether an estimator has one, and calls it by name."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.method = method
        self.__doc__ = method.__doc__

    def __get__(self, model: ArrayEstimator | None, owner: type) -> Callable[..., Any]:
        if model is None:
            return self.method
        if model._kind == "regression":
            name = self.method.__name__
            raise NotAClassifierError(f"{name} needs a classifier; this model is a regressor", "model.predict(X)")
        return MethodType(self.method, model)


class ArrayEstimator(BaseEstimator):
    """An estimator whose settings are a config's and whose fit is one record; see `SequenceModel`.

    A pickle holds JSON values and safetensors, no module of torch, and is read onto the CPU.
    """

    def __init__(
        self,
        model: str = "lstm",
        *,
        task: Task | None = None,
        sequence_length: int | None = None,
        val_fraction: float = 0.15,
        horizon: int | None = None,
        verbose: bool = False,
        **fields: Any,
    ) -> None:
        require_known(model, fields)
        self.model = model
        self.task = task
        self.sequence_length = sequence_length
        self.val_fraction = val_fraction
        self.horizon = horizon
        self.verbose = verbose
        self._fields = fields
        self._state: Fitted | None = None

    @property
    def config(self) -> ExperimentConfig:
        """What the parameters resolve to.

        Raises:
            UnknownNameError, ConfigError: see `fields.resolve`.
        """
        return resolve(self.model, self.sequence_length, self._fields)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What was given, by name; fields that were not are the preset's and are absent: see `config`."""
        return {**super().get_params(deep), **self._fields}

    def set_params(self, **params: Any) -> Self:
        """Sets parameters; values are checked by `fit`.

        Raises:
            UnknownNameError: a name that the model does not have.
        """
        named = {name: params.pop(name) for name in self._get_param_names() if name in params}
        require_known(named.get("model", self.model), params)
        super().set_params(**named)
        self._fields = self._fields | params
        return self

    @property
    def classes_(self) -> Array:
        if self._kind == "regression":
            raise NotAClassifierError("classes_ needs a classifier; this model is a regressor", "model.predict(X)")
        return self._fitted.classes

    @property
    def n_features_in_(self) -> int:
        return self._fitted.num_columns

    @property
    def feature_names_in_(self) -> Array:
        if self._fitted.names is None:
            raise AttributeError("X had no names of columns")
        return self._fitted.names

    @property
    def history_(self) -> list[dict[str, float]]:
        return self._result.history

    @property
    def best_epoch_(self) -> int:
        return self._result.best_epoch

    @property
    def n_iter_(self) -> int:
        return self._result.epochs

    @property
    def train_samples_(self) -> Rows:
        return self._fitted.train_samples

    @property
    def val_samples_(self) -> Rows:
        return self._fitted.val_samples

    @property
    def classes(self) -> Array:
        return np.empty(0) if self._state is None else self._state.classes

    @property
    def result(self) -> FitResult | None:
        return None if self._state is None else self._state.result

    @property
    def _fitted(self) -> Fitted:
        if self._state is None:
            raise NotFittedError("the model must be fitted first", "model.fit(X, y)")
        return self._state

    @property
    def _result(self) -> FitResult:
        if self._fitted.result is None:
            raise NotFittedError("how the fit went is not kept in a folder", "model.fit(X, y), or pickle the model")
        return self._fitted.result

    @property
    def _kind(self) -> Task | None:
        """What the model predicts, as far as is known."""
        if self.task in get_args(Task) or self._state is None:
            return self.task
        return "classification" if len(self._state.classes) else "regression"

    def __sklearn_is_fitted__(self) -> bool:
        return self._state is not None

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        if self._kind == "classification":
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        elif self._kind == "regression":
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
            tags.target_tags.multi_output = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = dict(vars(self))
        if (fitted := self._state) is not None:
            went = {name: getattr(fitted, name) for name in ("result", "train_samples", "val_samples")}
            tensors = {name: value.contiguous() for name, value in fitted.predictor.tensors().items()}
            state["_state"] = fitted.to_values(), save(tensors), went
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if state["_state"] is not None:
            values, tensors, went = state["_state"]
            self._state = Fitted.from_values(values, load(tensors), **went)
