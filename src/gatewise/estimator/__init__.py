"""Models on plain arrays, as scikit-learn's estimators."""

from gatewise.estimator.model import SequenceModel
from gatewise.estimator.zoo import ModelRegistry
from gatewise.loading import load_sklearn

__all__ = ["ModelRegistry", "SequenceModel"]

load_sklearn()  # what its import set in the environment is read by each OpenMP before that is put back
