"""The tasks that run in a worker process, one function each.

The fork server imports this module, and with it torch, thop and all that the measures import late.
"""

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType

from ..catalogue.inputs import Inputs
from ..catalogue.loading import check_arguments, resolve
from ..errors import CspbenchError
from ..machine import allocator
from ..machine.device import backend, check_device, describe_gpu
from ..measures.execution.basis import call_on, limited_memory, runs
from ..measures.execution.compiler_caches import without_compiler_caches
from ..measures.execution.equivalence import equivalence
from ..measures.execution.fallback import count_statically
from ..measures.execution.inputs import check_maker
from ..measures.execution.subject import BuiltSubject, Subject
from ..measures.execution.tracing import write_graph
from ..measures.forms.compiled import is_compiled, load_compiler
from ..measures.forms.registry import missing_packages
from ..measures.gradients.data import images
from ..measures.module_times import module_times
from ..measures.registry import MEASURES, preload
from ..measures.roofs.bandwidth import Level, bandwidth
from ..measures.roofs.products import product_peak, trial_rate
from ..measures.tensor_peak import tensor_peak
from ..measures.training import training
from ..plan.case import PRECISIONS, Case, Form, Precision, is_gpu
from ..records.base import Failure
from ..records.lines import Printed, Stage
from ..records.measurement import BASES, Basis
from ..records.run import SIDES, Settings, Side
from . import libraries  # noqa: F401 -- so that every worker has them
from .batch_search import largest_batch, with_batch
from .builds import PLAIN, Builds
from .channel import Channel
from .failures import case_failure, is_out_of_memory
from .hints import reason
from .launch_plan import LaunchPlan
from .launch_task import LaunchTask
from .model_hash import model_hash
from .steps import step_of

preload()


def identify(channel: Channel, devices: tuple[str, ...]) -> None:
    """Send an `AvailableGpu` for each device, or the `CspbenchError` why it cannot be used."""
    try:
        for device in devices:
            check_device(device)
            channel.send(describe_gpu(device))
    except CspbenchError as error:
        channel.send(error)


def load(
    channel: Channel,
    calls: tuple[tuple[str, tuple[str, ...]], ...],
    data: str | None,
    made: tuple[Inputs, ...] = (),
) -> None:
    """Send each builder, and what makes each of the inputs ``made``, with its hash (`model_hash`).

    ``calls`` are of builders, with the names of the arguments. If one of these or the data cannot
    be loaded, or a builder cannot be called so, send the `CspbenchError` that says why.
    """
    try:
        builders = dict.fromkeys(builder for builder, _ in calls)
        for name in (*builders, *(inputs.maker for inputs in made)):
            channel.send((name, model_hash(name, resolve(name))))
        for builder, names in calls:
            check_arguments(builder, names)
        for inputs in made:
            check_maker(inputs)
        if data is not None:
            _check_data(data)
    except CspbenchError as error:
        channel.send(error)


def check_forms(channel: Channel, forms: tuple[Form, ...]) -> None:
    """Send what must be installed for each of ``forms``, in a line, unless nothing is missing."""
    for form in forms:
        if missing := missing_packages(form):
            channel.send(missing)


def measure(  # noqa: PLR0917 -- a task gets its arguments by position
    channel: Channel,
    case: Case,
    stages: tuple[Stage, ...],
    settings: Settings,
    builds: Builds = PLAIN,
    bases: tuple[Basis, ...] = BASES,
) -> None:
    """Send the record of each stage of a case, or the failure of a stage that raises.

    A static stage is counted on the first of ``bases`` that allows it. A failure is fatal, and the
    last message, if a call that nothing observes fails, too. ``builds`` makes
    the subject. Steps are numbered by `step_of`.
    """
    subject = builds.subject(case)
    for index, stage in enumerate(stages):
        measure = MEASURES[stage]

        @contextlib.contextmanager
        def attempt(basis: Basis, index: int = index) -> Iterator[None]:
            channel.begin_step(step_of(index, basis))
            with _guarded(settings, subject, basis):
                yield

        try:
            if measure.place == "static":
                channel.send(count_statically(measure, subject, attempt, bases))
            else:
                with attempt("real"):
                    measurement = measure.measure(subject)
                channel.send(measurement)
        except BaseException as error:  # noqa: BLE001 -- a case may raise anything; it is recorded
            channel.begin_step(step_of(index, "real"))
            is_fatal = (
                is_out_of_memory(error) or measure.is_essential or not _runs(subject, settings)
            )
            channel.send(case_failure(case.key, stage, error, is_fatal=is_fatal))
            if is_fatal:
                return
        finally:
            if text := channel.printed():
                channel.send(Printed(case=case.key, stage=stage, text=text))
            if subject.surroundings.alters:
                channel.send(subject.surroundings.alterations(case.key))


def call_once(channel: Channel, case: Case, settings: Settings, builds: Builds = PLAIN) -> None:
    """Send whether one call of a case runs, unobserved and within the memory budget."""
    channel.send(_runs(builds.subject(case), settings))


def trace(channel: Channel, case: Case, folder: str, settings: Settings) -> None:
    """Write the graph of a case into an event file in ``folder``; send None, or why there is none.

    The case is traced on real tensors, within the memory budget.
    """
    subject = PLAIN.plain_subject(case)
    try:
        with _guarded(settings, subject, "real"), call_on("real", subject) as call:
            write_graph(call, Path(folder))
    except BaseException as error:  # noqa: BLE001 -- a model may raise anything
        channel.send(reason(error))
    else:
        channel.send(None)


def _check_data(data: str) -> None:
    try:
        images(data)
    except CspbenchError as error:
        raise CspbenchError(f"--data: {error}") from error


def _runs(subject: Subject, settings: Settings) -> bool:
    try:
        with _guarded(settings, subject, "real"):
            return runs(subject)
    except BaseException:  # noqa: BLE001 -- interrupts do not reach workers: the model raised it
        return False


@contextlib.contextmanager
def _guarded(settings: Settings, subject: Subject, basis: Basis) -> Iterator[None]:
    """The backend for work on ``basis``, with the case's own settings and a limit on memory.

    The compiler is loaded before, so that what it changes in the process is not the case's.
    """
    case = subject.case
    device = case.device if basis == "real" else "cpu"
    limit = limited_memory(basis, case, settings.memory_budget_bytes)
    flags = _backend(settings, device, case.precision)
    with limit, flags:
        if basis == "real" and is_compiled(case.form):
            with without_compiler_caches():
                load_compiler(case.form, device)
        with subject.surroundings.running():
            yield


def fit(
    channel: Channel, cases: tuple[Case, ...], budgets: tuple[int, ...], settings: Settings
) -> None:
    """Send the largest batch of each case whose tensor peak is within its budget, at least 1.

    For a case that cannot be built or run, send 1: it fails when it is measured.
    """
    for index, (case, budget) in enumerate(zip(cases, budgets, strict=True)):
        channel.begin_step(index)

        def peak(batch: int, case: Case = case) -> int:
            subject = PLAIN.subject(with_batch(case, batch))
            with subject.surroundings.running():
                return tensor_peak(subject).peak_tensor_bytes

        batch = 1
        with _backend(settings, "cpu"), contextlib.suppress(Exception):
            batch = largest_batch(peak, budget)
        channel.send(batch)


def train(channel: Channel, case: Case, seed: int, settings: Settings) -> None:
    """Send one training of the block of ``case``, or its failure."""
    assert settings.training is not None
    subject = BuiltSubject(case)
    try:
        with subject.surroundings.running():
            trained = training(subject, settings.training, seed=seed, threads=settings.threads)
        channel.send(trained)
    except Exception as error:  # noqa: BLE001 -- a case may raise anything, which is recorded
        channel.send(case_failure(case.key, "training", error))


def profile(
    channel: Channel, case: Case, number: int, settings: Settings, builds: Builds = PLAIN
) -> None:
    """Send profile ``number`` of a case, or its failure; each round of it has the time limit."""

    def begin_round() -> None:
        channel.begin_step(0)

    if settings.allocator == "pinned":
        allocator.pin()
    subject = builds.subject(case)
    try:
        with _guarded(settings, subject, "real"):
            times = module_times(subject, number=number, begin_round=begin_round)
        channel.send(times)
    except BaseException as error:  # noqa: BLE001 -- a case may raise anything; it is recorded
        channel.send(case_failure(case.key, "module_times", error, is_fatal=False))


def compare_outputs(
    channel: Channel,
    baseline: Case,
    candidate: Case,
    settings: Settings,
    builds: Builds = PLAIN,
) -> None:
    """Send the `Equivalence` of the two sides' builds of a case; steps are indices of `SIDES`."""

    def begin_side(side: Side) -> None:
        channel.begin_step(SIDES.index(side))

    # Without TF32, whose rounding depends on the order of additions.
    with _backend(settings, candidate.device):
        sides = [builds.plain_subject(case) for case in (baseline, candidate)]
        channel.send(equivalence(sides[0], sides[1], settings.seed, begin_side))


def launch(  # noqa: PLR0917 -- a task gets its arguments by position
    channel: Channel,
    number: int,
    cases: tuple[Case, ...],
    settings: Settings,
    plan: LaunchPlan,
    builds: Builds = PLAIN,
    uncapturable: Mapping[str, Failure] = MappingProxyType({}),
) -> None:
    """Let ``cases`` take turns; send their latencies, and the `Launch` last (`LaunchTask`)."""
    task = LaunchTask(
        channel, number, cases, settings, plan, builds=builds, uncapturable=uncapturable
    )
    task.run()


def find_useful(channel: Channel, device: str, settings: Settings) -> None:
    """Send each precision in which ``device`` multiplies at least as fast as in the first."""
    least = 0.0
    for precision in PRECISIONS:
        if precision == "amp" or (precision == "tf32" and not is_gpu(device)):
            continue
        with contextlib.suppress(RuntimeError), _backend(settings, device, precision):
            rate = trial_rate(device, precision)
            if rate >= least:
                channel.send(precision)
            least = least or rate


def measure_rates(
    channel: Channel,
    device: str,
    settings: Settings,
    precisions: tuple[Precision, ...],
    levels: tuple[Level, ...],
) -> None:
    """Send the `Bandwidth` of each of ``levels``, then each of ``precisions`` with its `Peak`.

    Precisions in which torch cannot compute products are left out.
    """
    if settings.allocator == "pinned":
        allocator.pin()
    with _backend(settings, device):
        for level in levels:
            channel.send(bandwidth(device, level))
    for precision in precisions:
        with contextlib.suppress(RuntimeError), _backend(settings, device, precision):
            channel.send((precision, product_peak(device, precision)))


def _backend(
    settings: Settings, device: str, precision: Precision = "fp32"
) -> AbstractContextManager[None]:
    return backend(device=device, threads=settings.threads, seed=settings.seed, precision=precision)
