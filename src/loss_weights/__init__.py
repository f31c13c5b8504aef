"""Loss weightings: what turns one loss per task into one gradient."""

from src.loss_weights import normalised  # noqa: F401  (every weighting takes its option)
