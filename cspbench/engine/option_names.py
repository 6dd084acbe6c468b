"""The options of the command line, by the field of a request that holds each.

The parser, the command that repeats a run and the messages of ``--resume`` share this table. It
imports nothing, so that ``--help`` is fast.
"""

OPTIONS = {
    "path": "--path",
    "no_merge_base": "--no-merge-base",
    "overrides": "--set",
    "inputs": "--input",
    "device": "--device",
    "only": "--only",
    "mode": "--mode",
    "precision": "--precision",
    "batch_size": "--batch-size",
    "is_batch_fitted": "--batch-size auto",
    "img_size": "--img-size",
    "channels_last": "--channels-last",
    "cold": "--cold",
    "cuda_graph": "--cuda-graph",
    "energy": "--energy",
    "by_module": "--by-module",
    "form": "--form",
    "no_training": "--no-training",
    "threads": "--threads",
    "launches": "--launches",
    "turns": "--turns",
    "min_time_s": "--min-time",
    "time_limit_s": "--time-limit",
    "budget_s": "--budget",
    "allocator": "--allocator",
    "seed": "--seed",
    "seeds": "--seeds",
    "steps": "--steps",
    "data": "--data",
    "head": "--head",
    "columns": "--columns",
    "out": "--out",
    "resume": "--resume",
    "trust": "--trust",
    "format": "--format",
    "thresholds": "--threshold",
    "is_strict": "--strict",
    "trace": "--trace",
    "history": "--history",
    "as_json": "--json",
}
"""In the order of a command that repeats a run; for a flag, the words that set it."""
