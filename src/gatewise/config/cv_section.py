"""The section `cv`: how folds are cut; `splitter` chooses the class."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from gatewise.config.section import LATER, Section
from gatewise.parts import Configs

MOST_FOLDS = 10_000


class CvSection(Section):
    """Base of the sections of splitters. Embargo and least purge are those of `split`, whose fractions play no part."""

    chosen_by: ClassVar[str] = "splitter"

    splitter: str
    n_splits: int = Field(5, ge=2, le=MOST_FOLDS)  # test blocks; combinatorial: groups that the series is cut into
    val: float = Field(0.15, gt=0, lt=1)  # share of a fold's training samples, the newest, that stops its training

    @property
    def num_folds(self) -> int:
        """How many models one seed of one configuration takes."""
        return self.n_splits


class CvConfig(CvSection):
    """The section of gatewise's own splitters."""

    splitter: Literal["expanding", "sliding", "kfold", "combinatorial"] = "expanding"
    n_splits: int = Field(5, ge=1, le=MOST_FOLDS)
    test_groups: int = Field(2, ge=1)  # combinatorial: groups that are tested together
    # expanding, sliding: rows of each test block, the newest; of several symbols moments. None: rows / (n_splits + 1)
    test_size: Annotated[int | None, Field(ge=1), LATER] = None

    @property
    def num_folds(self) -> int:
        return math.comb(self.n_splits, self.test_groups) if self.splitter == "combinatorial" else self.n_splits

    @model_validator(mode="after")
    def _folds_can_be(self) -> Self:
        walks = self.splitter in ("expanding", "sliding")
        if self.test_size is not None and not walks:
            raise ValueError(
                f"cv.test_size is for cv.splitter expanding and sliding; {self.splitter} tests every row, "
                "in equal groups"
            )
        if self.n_splits < 2 and self.test_size is None:
            needs = "at least 2, or 1 with cv.test_size" if walks else f"at least 2 with cv.splitter {self.splitter}"
            raise ValueError(f"cv.n_splits must be {needs}; got {self.n_splits}")
        if self.splitter == "combinatorial" and self.test_groups >= self.n_splits:
            raise ValueError(
                f"cv.test_groups must be below cv.n_splits; got {self.test_groups} of {self.n_splits} groups: "
                "none would be left to train on"
            )
        if self.num_folds > MOST_FOLDS:
            raise ValueError(
                f"cv.n_splits and cv.test_groups must make at most {MOST_FOLDS:,} folds; "
                f"got all choices of {self.test_groups} groups of {self.n_splits}"
            )
        return self


@dataclass(frozen=True)
class SplitterPart:
    """What is read of a splitter before anything is cut; `splits.folds` declares the rest.

    Attributes:
        config: the class of its section.
    """

    config: type[CvSection] = field(default=CvSection, kw_only=True)


CV_CONFIGS: dict[str, type[CvSection]] = dict.fromkeys(get_args(CvConfig.model_fields["splitter"].annotation), CvConfig)
CvSection.options = Configs("splitter", CV_CONFIGS, SplitterPart, CvSection)
