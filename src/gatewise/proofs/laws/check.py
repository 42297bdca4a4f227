"""The laws by name, which of them a model's declaration calls for, and a run of all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gatewise.config.model_base import Reads
from gatewise.errors import GatewiseError
from gatewise.isolation import one_core, plain_numbers
from gatewise.models.base import NeuralSpec
from gatewise.parts import told, whose_code
from gatewise.proofs.base import Check
from gatewise.proofs.laws import learning, networks
from gatewise.proofs.laws.tiny import Tiny


@dataclass(frozen=True)
class Law:
    """What must hold of models that declare it.

    Attributes:
        broken: what breaks it, in words, or `None`.
        applies: whether a declaration calls for it.
    """

    broken: Callable[[Tiny], str | None]
    applies: Callable[[Tiny], bool] = lambda tiny: True


def _network(declared: Callable[[NeuralSpec], bool] = lambda spec: True) -> Callable[[Tiny], bool]:
    return lambda tiny: isinstance(tiny.spec, NeuralSpec) and declared(tiny.spec)


def _one_row(*reads: Reads) -> Callable[[Tiny], bool]:
    return lambda tiny: tiny.spec.consumes == "rows" and tiny.spec.config.reads in reads


LAWS: dict[str, Law] = {
    "shapes": Law(networks.shapes, _network()),
    "no later step": Law(networks.no_later_step, lambda tiny: _network()(tiny) and tiny.config().model.is_causal),
    "evaluation": Law(networks.evaluation, _network()),
    "rows apart": Law(networks.rows_apart, _network()),
    "seeds": Law(networks.seeds, _network()),
    "gradients": Law(networks.gradients, _network()),
    "output bias": Law(networks.output_bias, _network()),
    "symbols": Law(networks.symbols, _network()),
    "hidden states": Law(networks.hidden_states, _network(lambda spec: spec.hidden_states is not None)),
    "maps": Law(networks.maps, _network(lambda spec: spec.maps is not None)),
    "attention": Law(networks.attention, _network(lambda spec: spec.attention is not None)),
    "resumes": Law(networks.resumes, _network()),
    "fleet": Law(networks.fleet, _network(lambda spec: spec.stacks)),
    "exports": Law(networks.exports, _network(lambda spec: spec.exports)),
    "learns": Law(learning.learns),
    "levels": Law(learning.levels),
    "no luck": Law(learning.no_luck),
    "same again": Law(learning.same_again),
    "kept": Law(learning.kept),
    "alone": Law(learning.alone),
    "last row alone": Law(learning.last_row_alone, _one_row("features", "history", "quarticity")),
    "symbol columns": Law(learning.symbol_columns, _one_row("features")),
}


def laws_of(name: str) -> list[str]:
    """The laws that a model's declaration calls for."""
    return [law for law, entry in LAWS.items() if entry.applies(Tiny(name))]


@plain_numbers()
def check_law(name: str, law: str) -> Check:
    """Holds a model against a law; what it raises breaks the law, too."""
    entry = LAWS[law]
    sentence = " ".join((entry.broken.__doc__ or "").split())
    try:
        broken = entry.broken(Tiny(name))
    except GatewiseError as error:
        broken = error.message
    except Exception as error:  # a model is its author's; whatever it raises is told beside the law
        broken = told(error)
    return Check(law, broken is None, broken or sentence)


def check_model(name: str) -> list[Check]:
    """Every law that applies.

    Raises:
        GatewiseError: a network can't be built, or can't read a window, which no law could then be held against.
    """
    tiny = Tiny(name)
    if isinstance(tiny.spec, NeuralSpec):
        network = tiny.network().eval()
        with whose_code(f"model {name}", "read a window"):
            network(networks.windows_x())
    with one_core():
        return [check_law(name, law) for law in laws_of(name)]
