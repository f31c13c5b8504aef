"""Comparison of runs: one row a method, mean and spread over seeds."""
