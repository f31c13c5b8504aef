"""Networks with named feature levels and one head per task."""
