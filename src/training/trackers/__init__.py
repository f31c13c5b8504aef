"""Trackers of runs beside metrics.csv, a module for each."""
