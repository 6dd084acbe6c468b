"""The options of the command line by the request's field that holds each.

The parser, the command that repeats a run and the messages of ``--resume`` all read this table. It
imports nothing, so that ``--help`` answers at once.
"""

OPTIONS = {
    "path": "--path",
    "no_merge_base": "--no-merge-base",
    "overrides": "--set",
    "input_shape": "--input",
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
    "compiler": "--compile",
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
    "format": "--format",
    "thresholds": "--threshold",
    "is_strict": "--strict",
    "history": "--history",
    "as_json": "--json",
}
"""In the order in which a command names them. Of a flag, the words that turn it on."""
