"""Gates: what a run's stored test figures must hold before its model is put to use."""

from __future__ import annotations

from gatewise.loading import lazily

# Looked up on first use: the command line's help needs none of it.
_WHERE = {
    "Gate": "gatewise.gates.gate",
    "GateResult": "gatewise.gates.results",
    "GateResults": "gatewise.gates.results",
    "check": "gatewise.gates.checks",
    "default_gates": "gatewise.gates.read",
    "on_symbol": "gatewise.gates.checks",
    "read_gates": "gatewise.gates.read",
}
__all__ = sorted(_WHERE)
__getattr__, __dir__ = lazily(__name__, _WHERE)
