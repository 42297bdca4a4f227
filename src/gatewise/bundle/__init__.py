"""A trained thing as a folder, and the only thing that predicts."""

from gatewise.bundle.bundle import FORMAT, Bundle
from gatewise.bundle.predictions import with_targets

__all__ = ["FORMAT", "Bundle", "with_targets"]
