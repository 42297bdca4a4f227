"""What every section of the configuration is: frozen, typed and closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from gatewise.errors import ConfigError, entry

# Marks fields that earlier versions did not have; see `Section.without_later`.
LATER = "later than 0.1"
# Of what is predicted, as in `targets/outputs/table.py`.
OUTPUT_KINDS = ("classes", "values", "quantiles", "sequences", "volatility")

MOST = 2**31 - 1  # of whole numbers that have no bound of their own: what libraries below hold
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """Frozen, typed, and closed: an unknown key is an error, and true is no number.

    A field may be one of several sections, a union of them or a base's `options`: the field `chosen_by` chooses which,
    each with fields of its own. A `name` alone is short for it with all else at its default.
    """

    options: ClassVar[Mapping[str, type[Section]]] = {}
    chosen_by: ClassVar[str] = "name"

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)

    def without_later(self) -> dict[str, Any]:
        """JSON values without the `LATER` fields that are at their defaults: what hashes of earlier versions are of."""
        values = self.model_dump(mode="json")
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if LATER in field.metadata and value == field.get_default(call_default_factory=True):
                del values[name]
            elif isinstance(value, Section):
                values[name] = value.without_later()
        return values

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

    @field_validator("*", mode="after")
    @classmethod
    def _integers_fit(cls, value: Any, info: ValidationInfo) -> Any:
        """What is beyond is a slip, and overflows or hangs somewhere below; a field's own bound may say otherwise."""
        bounds = cls.model_fields[info.field_name or ""].metadata
        if any(hasattr(bound, "lt") or hasattr(bound, "le") for bound in bounds):
            return value
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, int) and abs(item) > MOST:
                raise ValueError(f"must be at most {MOST:,}")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _choose_by_name(cls, value: Any, info: ValidationInfo) -> Any:
        """Pydantic's own discriminated unions allow no validator of `name`, such as the one above."""
        field = info.field_name or ""
        options = sections_of(cls.model_fields[field].annotation)
        if len(options) < 2 or isinstance(value, Section):
            return value
        chosen_by = next(iter(options.values())).chosen_by
        by_name = chosen_by == "name"
        if not by_name and not isinstance(value, dict):
            return value
        fields = value if isinstance(value, dict) else {"name": value}
        name = fields.get(chosen_by, getattr(cls.model_fields[field].default, chosen_by, None))
        if not isinstance(name, str):
            raise ConfigError(f"{field}.{chosen_by} must be text; got {name!r}", f"valid: {', '.join(options)}")
        return entry(field if by_name else f"{field}.{chosen_by}", name, options).model_validate(
            {chosen_by: name, **fields}
        )


def sections_of(annotation: Any) -> Mapping[str, type[Section]]:
    """{name: class} of the sections that a field may be; one that is not chosen has the name ""."""
    kinds = [kind for kind in get_args(annotation) or (annotation,) if isinstance(kind, type)]
    sections = [kind for kind in kinds if issubclass(kind, Section)]
    if len(sections) == 1 and sections[0].options:
        return sections[0].options
    return {str(kind.model_fields["name"].default) if len(sections) > 1 else "": kind for kind in sections}


def kind_words(kinds: tuple[str, ...]) -> str:
    """`values, sequences and volatility`"""
    return " and ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1])))
