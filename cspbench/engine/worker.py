"""The tasks that run in a worker process, one function each.

The fork server imports this module, and with it torch, thop and all that the measures import late.
"""

import contextlib
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType

import torch._dynamo  # noqa: F401 -- imported ahead: its first use would take seconds

from ..catalogue.loading import resolve
from ..errors import CspbenchError
from ..machine.device import backend, check_device, describe_gpu
from ..measures.execution.equivalence import equivalence
from ..measures.execution.subject import BuiltSubject
from ..measures.gradients.data import images
from ..measures.registry import MEASURES, preload
from ..measures.tensor_peak import tensor_peak
from ..measures.training import training
from ..plan.case import Case, Precision
from ..records.base import Failure
from ..records.lines import Alterations, Printed, Stage
from ..records.run import Settings
from .batch_search import largest_batch, with_batch
from .failures import case_failure
from .isolate import Channel
from .launch_task import LaunchTask
from .model_hash import model_hash

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import thop  # noqa: F401 -- imported ahead, so that every worker has it

preload()

_NO_ROOTS: Mapping[str, Path] = MappingProxyType({})
"""Without checkouts, cases are built by this process's packages."""


def identify(channel: Channel, devices: tuple[str, ...]) -> None:
    """Send an `AvailableGpu` for each device, or the `CspbenchError` why it cannot be used."""
    try:
        for device in devices:
            check_device(device)
            channel.send(describe_gpu(device))
    except CspbenchError as error:
        channel.send(error)


def load(channel: Channel, builders: tuple[str, ...], data: str | None) -> None:
    """Send each builder with its hash (`model_hash`).

    If a builder or the data cannot be loaded, send the `CspbenchError` that says why.
    """
    try:
        for builder in builders:
            channel.send((builder, model_hash(builder, resolve(builder))))
        if data is not None:
            images(data)
    except CspbenchError as error:
        channel.send(error)


def measure(
    channel: Channel,
    case: Case,
    stages: tuple[Stage, ...],
    settings: Settings,
    roots: Mapping[str, Path] = _NO_ROOTS,
) -> None:
    """Send the record of each stage of a case; after a stage that raises, send a failure and end.

    ``roots`` holds the root of the checkout that builds the cases of each side.
    """
    subject = BuiltSubject(case, roots.get(case.side))
    for index, stage in enumerate(stages):
        channel.begin_step(index)
        is_static = MEASURES[stage].place == "static"  # allocates nothing on the device
        device = "cpu" if is_static else case.device
        try:
            with _backend(settings, device, case.precision), subject.surroundings.running():
                channel.send(MEASURES[stage].measure(subject))
        except BaseException as error:  # noqa: BLE001 -- a case may raise anything; it is recorded
            channel.send(case_failure(case.key, stage, error))
            return
        finally:
            if text := channel.printed():
                channel.send(Printed(case=case.key, stage=stage, text=text))
            if alters := subject.surroundings.alters:
                channel.send(Alterations(case=case.key, alters=alters))


def fit(
    channel: Channel, cases: tuple[Case, ...], budgets: tuple[int, ...], settings: Settings
) -> None:
    """Send the largest batch of each case whose tensor peak is within its budget, at least 1.

    For a case that cannot be built or run, send 1: it fails when it is measured.
    """
    for index, (case, budget) in enumerate(zip(cases, budgets, strict=True)):
        channel.begin_step(index)

        def peak(batch: int, case: Case = case) -> int:
            subject = BuiltSubject(with_batch(case, batch))
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
            channel.send(training(subject, settings.training, seed=seed, threads=settings.threads))
    except Exception as error:  # noqa: BLE001 -- a case may raise anything, which is recorded
        channel.send(case_failure(case.key, "training", error))


def compare_outputs(
    channel: Channel,
    baseline: Case,
    candidate: Case,
    settings: Settings,
    roots: Mapping[str, Path] = _NO_ROOTS,
) -> None:
    """Send the `Equivalence` of the two sides' builds of a case."""
    # Without TF32, whose rounding depends on the order of additions.
    with _backend(settings, candidate.device):
        sides = [BuiltSubject(case, roots.get(case.side)) for case in (baseline, candidate)]
        channel.send(equivalence(sides[0], sides[1], settings.seed))


def launch(  # noqa: PLR0917 -- a task gets its arguments by position
    channel: Channel,
    number: int,
    cases: tuple[Case, ...],
    settings: Settings,
    roots: Mapping[str, Path] = _NO_ROOTS,
    uncapturable: Mapping[str, Failure] = MappingProxyType({}),
) -> None:
    """Let ``cases`` take turns; send their latencies, and the `Launch` last (`LaunchTask`)."""
    LaunchTask(channel, number, cases, settings, roots=roots, uncapturable=uncapturable).run()


def _backend(
    settings: Settings, device: str, precision: Precision = "fp32"
) -> AbstractContextManager[None]:
    return backend(device=device, threads=settings.threads, seed=settings.seed, precision=precision)
