"""No tracker at all."""

from src.training.trackers.base import TRACKERS, TrackedRun


@TRACKERS.register("csv")
def csv_alone(run: TrackedRun) -> None:
    """Build nothing: metrics.csv is written by every run."""
