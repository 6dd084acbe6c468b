"""Whether idle sessions of both runtimes change the time of an eager module: 20 trials.

    python bench/beside_sessions.py --trials 20
    python bench/beside_sessions.py --trials 3 --spinning

A launch is a forked process with an eager module, another one, and a session of each runtime.
In each of its turns the module is called a few times just after the sessions were, when their
threads have become idle, and just after the other module was, in random order. The trials are
judged together, as the cases of a run are: Student's t over launches, against a threshold; those
that are undecided get as many launches again. Beside the ratio stands the share of the time for
which threads of the sessions took a core meanwhile. With ``--spinning``, ONNX Runtime's threads
spin between calls, as they do by default: what the trials must detect.
"""

import argparse
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cspbench.catalogue import find
from cspbench.choices import Form
from cspbench.engine import libraries  # noqa: F401 -- before processes are forked
from cspbench.engine.builds import Builds
from cspbench.machine import allocator
from cspbench.measures.forms import onnxruntime
from cspbench.measures.forms.timed import timed_call
from cspbench.plan.case import Case, make_case
from cspbench.records.gate import THRESHOLD
from cspbench.verdicts.judge import Criterion, judge
from cspbench.verdicts.stats import Difference
from cspbench.verdicts.turns import difference

_RUNTIMES: tuple[Form, ...] = ("onnxruntime", "openvino")
_IMG_SIZE = 28
_CALLS = 3  # of a sample: it ends before spinning threads give up, some 80 ms after their call


@dataclass(slots=True)
class _Samples:
    """Seconds after the sessions' calls and after the other module's, by launch and turn.

    ``busy`` are the shares of the former for which threads of the sessions took a core.
    """

    beside: dict[int, tuple[float, ...]] = field(default_factory=dict)
    alone: dict[int, tuple[float, ...]] = field(default_factory=dict)
    busy: list[float] = field(default_factory=list)

    def add(self, launch: int, numbers: tuple[float, ...]) -> None:
        """Add what `_launch` returned."""
        *seconds, busy = numbers
        turns = len(seconds) // 2
        self.beside[launch], self.alone[launch] = tuple(seconds[:turns]), tuple(seconds[turns:])
        self.busy.append(busy)

    @property
    def difference(self) -> Difference:
        """The log-ratio of the times after the sessions' calls to the others."""
        compared = difference(self.beside, self.alone)
        assert compared is not None
        return compared

    def __str__(self) -> str:
        ratio = self.difference.estimate()
        assert ratio.low is not None
        assert ratio.high is not None
        busy = sum(self.busy) / len(self.busy)
        return f"{ratio.value:.4f} ({ratio.low:.4f}–{ratio.high:.4f}), threads busy {busy:.2%}"


def main() -> None:
    """Print a line for each trial, how many had which verdict, and the ratio over all trials."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--launches", type=int, default=8, help="of a trial in a round")
    parser.add_argument("--rounds", type=int, default=3, help="the most, if it stays undecided")
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--threshold", type=float, default=THRESHOLD)
    parser.add_argument("--spinning", action="store_true")
    options = parser.parse_args()
    if options.spinning:
        _let_threads_spin()
    trials = [_Samples() for _ in range(options.trials)]
    together = _Samples()
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        _in_child(partial(_prepare, files))
        answers = ["undecided"] * options.trials
        for _ in range(options.rounds):
            for number, trial in enumerate(trials):
                if answers[number] == "undecided":
                    for _ in range(options.launches):
                        seed = len(together.beside)
                        numbers = _in_child(partial(_launch, files, seed, options.turns))
                        trial.add(seed, numbers)
                        together.add(seed, numbers)
                    print(f"trial {number + 1:2d}: {trial}", flush=True)
            answers = _answers(trials, options.threshold)
    counted = ", ".join(f"{number} {answer}" for answer, number in Counter(answers).most_common())
    print(f"{options.trials} trials at a threshold of {options.threshold:.1%}: {counted}")
    print(
        f"all of them as a single trial: {together}: {_answers([together], options.threshold)[0]}"
    )


def _answers(trials: Sequence[_Samples], threshold: float) -> list[str]:
    rule = Criterion(threshold=threshold)
    differences = {number: trial.difference for number, trial in enumerate(trials)}
    verdicts = judge(differences, dict.fromkeys(differences, rule))
    return [verdicts[number].answer for number in differences]


def _launch(files: Path, seed: int, turns: int) -> list[float]:
    """Seconds of a call beside idle sessions, by turn, then those without; the threads' share."""
    allocator.pin()
    order = random.Random(seed)
    eager, other = (timed_call(Builds().subject(case)) for case in (_case("dense"), _other()))
    for _ in range(10):
        eager()
        other()
    known = _threads()
    sessions = [_session(form, files) for form in _RUNTIMES]
    for session in sessions:
        session()
    threads = _threads() - known
    before: dict[bool, list[Callable[[], object]]] = {True: sessions, False: [other, other]}
    seconds: dict[bool, list[float]] = {True: [], False: []}
    busy_s = 0.0
    for _ in range(turns):
        for is_beside in order.sample((True, False), 2):
            for call in before[is_beside]:
                call()
            eager()  # untimed, as before each sample of a run
            busy_before_s, began = _cpu_seconds(threads), time.perf_counter()
            for _ in range(_CALLS):
                eager()
            seconds[is_beside].append((time.perf_counter() - began) / _CALLS)
            busy_s += (_cpu_seconds(threads) - busy_before_s) * is_beside
    return [*seconds[True], *seconds[False], busy_s / (_CALLS * sum(seconds[True]))]


def _threads() -> set[int]:
    """The numbers of this process's threads."""
    return {int(path.name) for path in Path("/proc/self/task").iterdir()}


def _cpu_seconds(threads: Collection[int]) -> float:
    """The processor time of threads of this process, by Linux's clock of each (`clock_gettime`)."""
    return sum(time.clock_gettime((~thread << 3) | 6) for thread in threads)


def _case(name: str, form: Form = "eager") -> Case:
    return make_case(find(name), {}, form=form, img_size=_IMG_SIZE)


def _other(form: Form = "eager") -> Case:
    return _case("c2f", form)


def _session(form: Form, files: Path) -> Callable[[], object]:
    return timed_call(Builds(files=files).subject(_other(form)))


def _let_threads_spin() -> None:
    """Give sessions of ONNX Runtime, loaded from here on, its default for idle threads."""
    make_options = onnxruntime.session_options

    def spinning_options(threads: int) -> Any:
        options = make_options(threads)
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        return options

    onnxruntime.session_options = spinning_options


def _prepare(files: Path) -> list[float]:
    for form in _RUNTIMES:
        _session(form, files)
    return []


def _in_child(work: Callable[[], list[float]]) -> tuple[float, ...]:
    """What ``work`` returns in a forked process; raises RuntimeError if it fails."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            text = " ".join(map(repr, work()))
            os.write(writing, text.encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise RuntimeError("a launch failed")
    return tuple(map(float, text.split()))


if __name__ == "__main__":
    main()
