"""Comparisons: the changes between two runs, or between two revisions measured in one run."""
