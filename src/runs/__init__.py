"""Run directories: what a run writes about itself, and how others find it."""
