"""No distillation: the plain multi-task baseline."""

from src.distillation.base import REGIMES, Traits
from src.distillation.setup import Setup


@REGIMES.register(
    traits=Traits(needs_trained_teachers=False, aligns_features=False, trains_networks=False, static_graph=True)
)
def none(setup: Setup) -> None:
    """Build nothing."""
