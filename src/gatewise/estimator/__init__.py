"""Models on plain arrays, as scikit-learn's estimators."""

from gatewise.estimator.model import SequenceModel
from gatewise.estimator.zoo import ModelRegistry

__all__ = ["ModelRegistry", "SequenceModel"]
