"""What is said of an ensemble's model and is a field of members alone is said to the members that have it.

So 64 units of a voting are 64 in each recurrent member, and a preset of a whole experiment reaches them.
"""

from __future__ import annotations

from collections.abc import Sequence

from gatewise.config.ensemble_section import EnsembleConfig, model_name, read_names
from gatewise.config.fields import value_at
from gatewise.config.layers import Layer, merge_layers
from gatewise.config.model_section import model_config


def hand_to_members(layers: Sequence[Layer], model: str) -> None:
    """Moves it into `members` of its layer, in place; what is said of a member by its name stays.

    Raises:
        UnknownNameError: no model of a member's name.
    """
    made = model_config(model)
    if not issubclass(made, EnsembleConfig):
        return
    names = read_names(value_at(merge_layers(layers), "model.base_models") or made.model_fields["base_models"].default)
    if not isinstance(names, list | tuple):
        return  # the section says what must hold
    fields = {
        name: {} if made.is_run(name) else model_config(model_name(name)).model_fields for name in names
    }  # a run is as it was trained
    for layer in layers:
        section = layer.values.get("model", {})
        for field in [*section] if isinstance(section, dict) else []:
            takers = [name for name in names if field in fields[name]]
            if field not in made.model_fields and takers:
                value, members = section.pop(field), section.setdefault("members", {})
                for name in takers:
                    members.setdefault(name, {}).setdefault(field, value)
