"""Timing of calls: timers, warm-up, benchmarks that take turns, and the yardstick."""
