"""Verdicts: statistics over launches, and judgements of differences in latency."""
