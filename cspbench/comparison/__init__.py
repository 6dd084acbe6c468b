"""Comparisons: what changed between two runs, or between two revisions of one run."""
