"""Which judge predictions of a kind have."""

from __future__ import annotations

from gatewise.evaluation.kinds.base import Judge
from gatewise.evaluation.kinds.classes import ClassesJudge
from gatewise.evaluation.kinds.quantiles import QuantilesJudge
from gatewise.evaluation.kinds.sequences import SequencesJudge
from gatewise.evaluation.kinds.values import ValuesJudge
from gatewise.evaluation.kinds.volatility import VolatilityJudge
from gatewise.targets.base import Labels

JUDGES: dict[str, Judge] = {
    "classes": ClassesJudge(),
    "values": ValuesJudge(),
    "quantiles": QuantilesJudge(),
    "sequences": SequencesJudge(),
    "volatility": VolatilityJudge(),
}


def judge_of(labels: Labels) -> Judge:
    """The judge of predictions of these labels."""
    return JUDGES[labels.spec.kind]
