"""Loss weightings: what turns one loss per task into one gradient."""
