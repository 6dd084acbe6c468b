"""Examples of each verb, which end its help page."""

from typing import NamedTuple

from .wrong_usage import PROGRAM


class Example(NamedTuple):
    """A command as a user types it, and half a line on what it does."""

    command: str
    does: str


EXAMPLES = {
    "": (
        Example(PROGRAM, "measure the default suite on the CPU, in about two minutes"),
        Example(
            f"{PROGRAM} show csp_fusion_last --input 64,64,56,56",
            "what one block costs at batch 64, and whether it fits into memory",
        ),
        Example(f"{PROGRAM} ab main HEAD", "whether your branch makes the blocks slower"),
    ),
    "run": (
        Example(
            f"{PROGRAM} run csp,csp_split_only --mode infer --budget 30",
            "compare two entries at inference, in about half a minute",
        ),
        Example(
            f"{PROGRAM} run net.py:Net --input 8,3,224,224",
            "measure your own model: the class Net in net.py, at batch 8",
        ),
    ),
    "show": (
        Example(
            f"{PROGRAM} show csp_fusion_last --input 64,64,56,56",
            "whether a block fits at batch 64",
        ),
        Example(
            f"{PROGRAM} show net.py:Net --input 1,3,224,224 --time --roofline",
            "which modules of your own model take the time, and what bounds them",
        ),
    ),
    "list": (
        Example(f"{PROGRAM} list", "names and descriptions of all"),
        Example(f"{PROGRAM} list --json", "the same, for a script"),
    ),
    "compare": (
        Example(
            f"{PROGRAM} compare results/before results/after",
            "what got better or worse from one run to the other",
        ),
        Example(
            f"{PROGRAM} compare results/before report.md --threshold 5%",
            "against a report saved from a pull request; latency may grow by 5%",
        ),
    ),
    "ab": (
        Example(
            f"{PROGRAM} ab main HEAD",
            "what the commits of your branch change in the default suite",
        ),
        Example(
            f"{PROGRAM} ab v1.0 HEAD net.py:Net --input 1,3,224,224 --path ../net",
            "your own model, at two revisions of its repository",
        ),
    ),
    "report": (
        Example(
            f"{PROGRAM} report results/reference/cpu --columns latency,macs",
            "print two columns of a run",
        ),
        Example(
            f"{PROGRAM} report results/before results/after --history latency",
            "plot the latency of each case over these runs",
        ),
    ),
    "doctor": (
        Example(f"{PROGRAM} doctor", "check the CPU and its noise floor"),
        Example(f"{PROGRAM} doctor --device cuda", "check the GPU"),
    ),
    "gradients": (
        Example(
            f"{PROGRAM} gradients",
            "trace and train the CSP designs, in about four minutes",
        ),
        Example(
            f"{PROGRAM} gradients csp,csp_fusion_last --no-training",
            "only trace two entries, in seconds",
        ),
    ),
    "verify": (
        Example(f"{PROGRAM} verify", "the table of all figures and their sources"),
        Example(f"{PROGRAM} verify --json", "the same, for a script"),
    ),
}
"""By verb; under '', those of the help page of all verbs."""
