"""Which folds a cross-validation's tables stand on: those that every compared line has, with every one of its seeds.

Folds are not equally hard. Where one line lacks a fold that failed, its mean over the others compares with no mean over
all: a fold is in the numbers of every line or of none. What else is finished stays in the files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatewise.evaluation.scoring import PRIOR
from gatewise.selection.cv.frames import Prediction


@dataclass(frozen=True)
class Coverage:
    """Folds by number.

    Attributes:
        num_folds: planned.
        compared: those that every line has.
        left_out: of each other one, the lines that did not finish it, as model@horizon.
        unseen: by horizon and fold, the classes that a training part there never saw.
    """

    num_folds: int
    compared: tuple[int, ...]
    left_out: Mapping[int, tuple[str, ...]]
    unseen: Mapping[tuple[int, int], tuple[str, ...]]

    def keep(self, predictions: Sequence[Prediction]) -> list[Prediction]:
        """Those on compared folds."""
        return [prediction for prediction in predictions if prediction.fold.number in self.compared]

    @property
    def description(self) -> str:
        """Which folds the numbers stand on: folds 3, 4 and 5 of 5."""
        if not self.left_out:
            return f"all {self.num_folds} folds" if self.num_folds > 1 else "one fold"
        return f"{_named(self.compared)} of {self.num_folds}"

    @property
    def sentences(self) -> list[str]:
        """What a reader of the numbers should know; empty where every line has every fold and saw every class."""
        sentences = []
        if self.left_out:
            lines = list(dict.fromkeys(name for names in self.left_out.values() for name in names))
            sentences.append(
                f"{_named(tuple(self.left_out))} of {self.num_folds} not finished by {_joined(lines)}: in none of "
                f"these numbers. Every line stands on {_named(self.compared).lower()}."
            )
        horizons = {horizon for horizon, _ in self.unseen}
        groups: dict[tuple[int, tuple[str, ...]], list[int]] = {}
        for (horizon, fold), classes in self.unseen.items():
            groups.setdefault((horizon, classes), []).append(fold)
        for (horizon, classes), folds in groups.items():
            ahead = f"Horizon {horizon}: " if len(horizons) > 1 else ""
            occur, them = ("occurs", "it") if len(classes) == 1 else ("occur", "them")
            sentences.append(
                f"{ahead}{_joined(classes)} never {occur} in the training part of {_named(folds).lower()}; models "
                f"there give {them} what the prior gives a class without a row."
            )
        return sentences

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        unseen = [
            {"horizon": horizon, "fold": fold, "classes": list(classes)}
            for (horizon, fold), classes in self.unseen.items()
        ]
        left_out = [{"fold": fold, "not_finished_by": list(names)} for fold, names in self.left_out.items()]
        return {"planned": self.num_folds, "compared": list(self.compared), "left_out": left_out, "unseen": unseen}


def cover(predictions: Sequence[Prediction], num_folds: int) -> Coverage:
    """What of these predictions can be compared.

    A model, or one of its seeds, that finished no fold at all is no line and takes none from the others.
    """
    finished: dict[tuple[str, int | None], set[int]] = {}
    unseen: dict[tuple[int, int], tuple[str, ...]] = {}
    for one in predictions:
        number = one.fold.number
        if one.model != PRIOR:
            finished.setdefault((f"{one.model}@{one.horizon}", one.seed), set()).add(number)
        if classes := one.lines[0].unseen:
            known = unseen.get((one.horizon, number), ())
            unseen[one.horizon, number] = tuple(dict.fromkeys((*known, *classes)))
    left_out = {}
    for number in range(1, num_folds + 1):
        lacking = dict.fromkeys(name for (name, _), folds in finished.items() if number not in folds)
        if lacking or not finished:
            left_out[number] = tuple(lacking)
    compared = tuple(number for number in range(1, num_folds + 1) if number not in left_out)
    return Coverage(num_folds, compared, left_out, dict(sorted(unseen.items())))


def _named(folds: Sequence[int]) -> str:
    return f"Fold{'s' if len(folds) != 1 else ''} {_joined([str(number) for number in folds])}"


def _joined(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
