"""Verdicts: statistics over launches, and whether a difference in latency is real."""
