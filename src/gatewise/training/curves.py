"""What the curves of a training show, in one sentence, with the setting that answers it.

Losses jump from epoch to epoch, so nothing is read off two of them. Their jumps are measured by second differences, in
which a trend cancels (Gasser, Sroka & Jennen-Steinmetz 1986, "Residual variance and residual pattern in nonlinear
regression"), and a rise or fall is one that a line through the epochs shows beyond them. That validation loss rises
while training loss falls is what Prechelt (1998, "Early stopping, but when?") calls over-fitting. The thresholds:

    few_rows     fewer than 30 validation labels that don't overlap: a mean of 30 is known to 1/√30, 18 %, of a spread
    unstable     jumps of validation loss above 10 % of it
    falling      the epochs ended, and over the last quarter of them validation loss fell by more than 0.5 %
    stopped      patience ended it, and while it waited (8 epochs at least) validation loss fell by more than 0.5 %
    over_fitted  after the best epoch validation loss rose by more than 0.5 %, and training loss fell by more than that
    nothing      validation loss is not below that of knowing nothing by more than chance
    settled      none of these

Rises and falls are to be three standard errors of the line's slope as well. Costs nothing beside an epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatewise.config.schema import ExperimentConfig
from gatewise.training.monitor import monitored_number
from gatewise.training.progress import FitResult

LEAST_LABELS = 30
LEAST_EPOCHS = 3
JUMPS = 0.10  # of the loss
MOVE = 0.005  # of the loss; less is called level
ERRORS = 3.0  # standard errors

Losses = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """`verdict`: one of those above; `sentence`: for people, with fields of the config as Python writes them."""

    verdict: str
    sentence: str

    def to_dict(self) -> dict[str, str]:
        """Plain JSON values."""
        return {"verdict": self.verdict, "sentence": self.sentence}


def read_curves(fit: FitResult, config: ExperimentConfig, val_labels: int, learned: bool) -> Curves | None:
    """`None` where nothing can be said: of fewer than three epochs, a model that knows none, a training that diverged.

    Args:
        val_labels: validation labels that don't overlap.
        learned: whether the model is better on them than knowing nothing, beyond chance.
    """
    if fit.ended not in ("max_epochs", "early_stopping") or fit.epochs < LEAST_EPOCHS:
        return None
    train, val = curves_of(fit)
    settings, best = config.training, fit.best_epoch
    if val_labels < LEAST_LABELS:
        words = f"{val_labels} labels that don't overlap; {LEAST_LABELS} are the least"
        return Curves("few_rows", f"Too few validation rows for the curves to say anything, {words}: give more rows")
    rate, patience = settings.learning_rate, settings.early_stopping_patience
    if (jumps := jump_size(val) / abs(np.median(val))) > JUMPS:
        sentence = (
            f"Validation loss jumps by about {jumps:.0%} from epoch to epoch: training.learning_rate={rate / 3:.2g}"
        )
        return Curves("unstable", sentence)
    if fit.ended == "max_epochs" and move(val[-max(3, len(val) // 4) :]) < -MOVE:
        sentence = (
            f"Validation loss was still falling when the epochs ended: training.max_epochs={2 * settings.max_epochs}"
        )
        return Curves("falling", sentence)
    waited = val[-max(patience, 8) :]
    if fit.ended == "early_stopping" and move(waited) < -MOVE:
        return Curves(
            "stopped",
            f"Training stopped while validation loss was still falling, which its jumps hid for {patience} epochs: "
            f"training.early_stopping_patience={2 * patience}",
        )
    if move(val[best:]) > MOVE and move(train[best - 1 :]) < -MOVE:
        no_better = "" if learned else ", which is no better than knowing nothing"
        return Curves(
            "over_fitted",
            f"Over-fitted since epoch {best}, the one that is kept{no_better}: training loss went on falling and "
            f"validation loss rose; {_smaller(config)}",
        )
    if not learned:
        moved = "Neither loss fell" if move(train) > -MOVE else "What training loss gained did not carry over"
        sentence = f"{moved}: validation loss is that of knowing nothing, within chance; other features may hold more"
        if move(train) > -MOVE:
            sentence += f", and training.learning_rate={3 * rate:.2g} tells slow learning from none"
        return Curves("nothing", sentence)
    if best == fit.epochs:
        sentence = f"Validation loss was lowest at the last epoch, {best}, and hardly fell over those before it"
    else:
        sentence = f"The curves ask for no other settings: validation loss was lowest at epoch {best} of {fit.epochs}"
    return Curves("settled", sentence)


def curves_of(fit: FitResult) -> tuple[Losses, Losses]:
    """Training loss and what epochs were compared by, an epoch each."""
    validated = ({name[4:]: value for name, value in epoch.items() if name[:4] == "val_"} for epoch in fit.history)
    val = [monitored_number(fit.monitor, epoch) for epoch in validated]
    return np.array([epoch["train_loss"] for epoch in fit.history]), np.array(val)


def jump_size(losses: Sequence[float] | Losses) -> float:
    """The standard deviation of what losses jump about their trend; 0 for fewer than five."""
    if len(losses) < 5:
        return 0.0
    return float(np.median(np.abs(np.diff(losses, 2))) / (0.6745 * np.sqrt(6)))


def move(losses: Sequence[float] | Losses) -> float:
    """By which share of their median losses rose or fell along a line; 0 where that is within three standard errors.

    Also 0 for fewer than three, and of three or four for all but steady rises and falls.
    """
    y = np.asarray(losses, np.float64)
    if len(y) < 3:
        return 0.0
    x = np.arange(len(y)) - (len(y) - 1) / 2
    slope = float(x @ y / (x @ x))
    if len(y) < 5:
        shown = bool((np.diff(y) > 0).all() or (np.diff(y) < 0).all())
    else:
        residual = y - y.mean() - slope * x
        spread = max(jump_size(y), float(np.sqrt(residual @ residual / (len(y) - 2))))
        shown = bool(abs(slope) > ERRORS * spread / np.sqrt(x @ x))
    return slope * (len(y) - 1) / abs(float(np.median(y))) if shown else 0.0


def _smaller(config: ExperimentConfig) -> str:
    """What makes a model learn less by heart."""
    dropout, hidden_size = (getattr(config.model, name, None) for name in ("dropout", "hidden_size"))
    if dropout is not None and dropout < 0.5:
        return f"model.dropout={min(0.5, round(dropout + 0.2, 2)):g}"
    return f"model.hidden_size={hidden_size // 2}" if hidden_size and hidden_size > 1 else "give more rows"
