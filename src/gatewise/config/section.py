"""What every section of the configuration is: frozen, typed and closed."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

# Marks fields that earlier versions did not have; see `ExperimentConfig.digest`.
LATER = "later than 0.1"
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """Frozen, typed, and closed: an unknown key is an error, and true is no number."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Pydantic would take `batch_size: true` for 1, and `bidirectional: 2.0` for an error but 1 for true."""
        annotation = cls.model_fields[info.field_name or ""].annotation
        takes_bool = annotation is bool or bool in get_args(annotation)
        if takes_bool and isinstance(value, int | float | str) and not isinstance(value, bool):
            raise ValueError("must be true or false")
        items = value if isinstance(value, list | tuple) else [value]
        if not takes_bool and any(isinstance(item, bool) for item in items):
            raise ValueError("must not be true or false")
        return value
