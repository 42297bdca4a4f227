"""The proofs of honesty as a command: what must not change with the future is shown not to."""

from gatewise.proofs.base import Check, Parts
from gatewise.proofs.run import Audit, run_audit

__all__ = ["Audit", "Check", "Parts", "run_audit"]
