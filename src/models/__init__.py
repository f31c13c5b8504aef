"""Networks with named feature levels and one head per task."""

from src.models import fine_tuning  # noqa: F401  (every network takes its options)
