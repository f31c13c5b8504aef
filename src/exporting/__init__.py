"""Networks in the formats of other programs: a module per format, each with its own check."""
