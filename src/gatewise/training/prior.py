"""Class weights without a wrong prior: outputs that speak of the training shares, whatever the training weighs.

Cross-entropy with weights w is least where its softmax says p_k · w_k over their sum: the model of a world in which
class k is w_k times as frequent as it is. Divided by the weights and brought back to sum 1, that is the probability
p_k of the world at hand (Saerens, Latinne & Decaestecker 2002; Elkan 2001). In logits it is a constant: a model's
outputs z stand for p at all times, training computes its loss of z + log w, and everything else (validation, metrics,
bundles) reads z as it is. The head's bias starts lower by log w, so that training begins where it would without this.
"""

from __future__ import annotations

from torch import Tensor

from gatewise.models.base import Network


def start_below(model: Network, log_weight_K: Tensor) -> None:
    """Lowers an untrained model's outputs by the log weights."""
    bias = model.output_bias
    if len(bias) == 1 < len(log_weight_K):  # one logit: that of the second class beside the first's, which stays 0
        log_weight_K = log_weight_K[1:] - log_weight_K[:1]
    bias.data.sub_(log_weight_K)
