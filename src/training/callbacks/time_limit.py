"""A limit on the time that a run trains."""

from typing import Any

from pytorch_lightning.callbacks import Timer


class TimeLimit(Timer):
    """Ends training after ``max_time``, counted from each start.

    Lightning's own goes on counting where the checkpoint's left off, so that a resumed run would stop at once.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Forget the time that earlier starts took."""

    @property
    def reached(self) -> bool:
        """Whether the time is over."""
        remaining = self.time_remaining()
        return remaining is not None and remaining <= 0
