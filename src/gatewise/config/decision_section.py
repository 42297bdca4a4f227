"""The section `decision`: when predictions are acted on, and what must be shown before they are."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gatewise.config.section import Section, kind_words
from gatewise.errors import ConfigError

# Of each rule the kinds of predictions that it is for, as `targets/outputs/table.py` names them.
DECIDES = {"probability": ("classes",), "expected_value": ("classes", "values"), "conformal": ("classes",)}


def decides(rule: str, output_kind: str) -> bool:
    """Whether a rule is for predictions of a kind; none is for all."""
    return output_kind in DECIDES.get(rule, (output_kind,))


class DecisionConfig(Section):
    """A rule that says at each row whether to act; it takes `split.certify` of the validation rows for itself."""

    # probability: that of the decided class; expected_value: the move after cost; conformal: a set that holds one class
    rule: Literal["none", "probability", "expected_value", "conformal"] = "none"
    precision: float = Field(0.55, gt=0, lt=1)  # share of the acted rows that must come out right
    confidence: float = Field(0.9, gt=0.5, lt=1)  # of the certificate that it does, and of conformal sets
    # what the rule's number must reach; None: chosen on the certifying rows, which abstains where none is certified
    threshold: float | None = None

    def require(self, output_kind: str) -> None:
        """Refuses a rule that is for predictions of other kinds.

        Raises:
            ConfigError: it is.
        """
        kinds = DECIDES.get(self.rule, (output_kind,))
        if not decides(self.rule, output_kind):
            raise ConfigError(
                f"decision.rule {self.rule} is for {kind_words(kinds) if len(kinds) > 1 else kinds[0]}; "
                f"this target is of {output_kind}",
                'decision.rule="none"',
            )

    def refuse(self, what: str) -> None:
        """Refuses a rule where there is no one model whose validation rows could certify it.

        Raises:
            ConfigError: there is a rule.
        """
        if self.rule != "none":
            raise ConfigError(
                f"a decision rule is certified for one model, by gatewise train; {what}", 'decision.rule="none"'
            )
