"""Run directories: records and weights of runs, and the search for teachers."""
