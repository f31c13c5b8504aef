"""Dense prediction tasks: output, loss, metrics and picture of a head."""
