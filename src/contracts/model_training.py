"""The contract of a network, continued: training, evaluation, saving and export."""

from collections.abc import Sequence

import torch
from torch import Tensor

from src.contracts.expectations import expect, expect_equal, listed, through_a_file, trained
from src.contracts.model import MODEL, OUTPUTS, ROUNDING, ModelSubject
from src.exporting.program import check_program, export_program
from src.models.base import MultiTaskNetwork
from src.runs.network_file import load_network


def _losses(network: MultiTaskNetwork, image: Tensor) -> dict[str, Tensor]:
    """Return a loss per task that depends on all of its output."""
    return {task: (raw - 1).square().mean() for task, raw in network(image).items()}


def _reached(loss: Tensor, parameters: Sequence[Tensor]) -> list[bool]:
    found = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
    return [gradient is not None for gradient in found]


@MODEL.property(MultiTaskNetwork)
def every_parameter_has_a_gradient(subject: ModelSubject) -> None:
    """Every parameter gets a finite gradient in each step; distributed training stops at one that gets none"""
    network, names = subject.network.train(), trained(subject.network)
    total = torch.stack(list(_losses(network, subject.image).values())).sum()
    found = torch.autograd.grad(total, list(names.values()), allow_unused=True)
    unused = [name for name, gradient in zip(names, found, strict=True) if gradient is None]
    expect(not unused, f"{listed(unused)} are not used" if len(unused) > 1 else f"{listed(unused)} is not used")
    wrong = [name for name, g in zip(names, found, strict=True) if g is not None and not g.isfinite().all()]
    expect(not wrong, f"the gradient of {listed(wrong)} is NaN or infinite")


@MODEL.property(MultiTaskNetwork.shared_and_task_parameters)
def shared_are_those_of_all_tasks(subject: ModelSubject) -> None:
    """Shared parameters are exactly those that every task depends on"""
    network = subject.network.train()
    names = {id(p): name for name, p in network.named_parameters()}
    shared, others = network.shared_and_task_parameters()
    listed_once = sorted(map(id, [*shared, *others])) == sorted(map(id, trained(network).values()))
    expect(listed_once, f"{len(shared)} shared and {len(others)} other parameters do not add up to all {len(names)}")
    expect(shared, "no parameter is shared")
    by_task = [_reached(loss, [*shared, *others]) for loss in _losses(network, subject.image).values()]
    by_all = [all(reached) for reached in zip(*by_task, strict=True)]
    missed = [names[id(p)] for p, reached in zip(shared, by_all, strict=False) if not reached]
    expect(not missed, f"{listed(missed)} counts as shared, but not every task depends on it")
    more = [names[id(p)] for p, reached in zip(others, by_all[len(shared) :], strict=True) if reached]
    expect(not more, f"{listed(more)} does not count as shared, but every task depends on it")


@MODEL.property(MultiTaskNetwork.last_shared_layer)
def last_shared_layer(subject: ModelSubject) -> None:
    """last_shared_layer() gets a gradient from every task's loss"""
    network = subject.fresh()
    with torch.no_grad():  # away from first weights that are 0, behind which there is no gradient yet
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.01)
    layer = network.last_shared_layer()
    for task, loss in _losses(network, subject.image).items():
        (gradient,) = torch.autograd.grad(loss, [layer], allow_unused=True, retain_graph=True)
        expect(gradient is not None and bool(gradient.any()), f"no gradient from {task}")


@MODEL.property(MultiTaskNetwork.features)
def image_is_left_alone(subject: ModelSubject) -> None:
    """It does not change the images in place"""
    image = subject.image.clone()
    subject.network.train()(image)
    expect_equal(image, subject.image, "the images before and after")


@MODEL.property(MultiTaskNetwork.forward)
def evaluation_is_the_same_every_time(subject: ModelSubject) -> None:
    """In eval mode outputs are deterministic and do not depend on the other images of the batch"""
    network = subject.network.eval()
    with torch.no_grad():
        first, again, alone = network(subject.image), network(subject.image), network(subject.image[:1])
    for task in OUTPUTS:
        expect_equal(again[task], first[task], f"{task} in two passes")
        expect_equal(alone[task], first[task][:1], f"{task} of an image with and without others", ROUNDING)


@MODEL.property(load_network)
def saves_and_restores(subject: ModelSubject) -> None:
    """A new network that loads its state_dict returns the same outputs"""
    network, restored = subject.network.train(), subject.fresh()
    network(subject.image)  # changes running statistics
    restored.load_state_dict(through_a_file(network))
    with torch.no_grad():
        expected, outputs = network.eval()(subject.image), restored.eval()(subject.image)
    for task in OUTPUTS:
        expect_equal(outputs[task], expected[task], task)


@MODEL.property(export_program, note=True)
def exports(subject: ModelSubject) -> None:
    """torch.export exports it for any number of images"""
    network = subject.network.eval()
    check_program(export_program(network, subject.size()), network, subject.size())
