"""The contract of a network, continued: what training, saving and exporting ask of it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from src.contracts.expectations import expect, expect_equal, listed, through_a_file, trained
from src.contracts.model import MODEL, OUTPUTS, ROUNDING, NetworkInHand
from src.exporting.program import check_program, export_program
from src.models.base import MultiTaskNetwork


def _losses(network: MultiTaskNetwork, image: Tensor) -> dict[str, Tensor]:
    """Give a scalar for each task that depends on all of its output."""
    return {task: (raw - 1).square().mean() for task, raw in network(image).items()}


def _reached(loss: Tensor, parameters: Sequence[Tensor]) -> list[bool]:
    found = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
    return [gradient is not None for gradient in found]


@MODEL.states(MultiTaskNetwork)
def every_parameter_has_a_gradient(part: NetworkInHand) -> None:
    """Every parameter gets a finite gradient in every step, without which distributed training stops"""
    network, names = part.network.train(), trained(part.network)
    total = torch.stack(list(_losses(network, part.image).values())).sum()
    found = torch.autograd.grad(total, list(names.values()), allow_unused=True)
    unused = [name for name, gradient in zip(names, found, strict=True) if gradient is None]
    expect(not unused, f"{listed(unused)} are not used" if len(unused) > 1 else f"{listed(unused)} is not used")
    wrong = [name for name, g in zip(names, found, strict=True) if g is not None and not g.isfinite().all()]
    expect(not wrong, f"the gradient of {listed(wrong)} is NaN or infinite")


@MODEL.states(MultiTaskNetwork.shared_and_task_parameters)
def shared_are_those_of_all_tasks(part: NetworkInHand) -> None:
    """Each parameter is either shared, and then reached by every task, or not, and then not by every task"""
    network = part.network.train()
    names = {id(p): name for name, p in network.named_parameters()}
    shared, others = network.shared_and_task_parameters()
    listed_once = sorted(map(id, [*shared, *others])) == sorted(map(id, trained(network).values()))
    expect(listed_once, f"{len(shared)} shared and {len(others)} other parameters of {len(names)}, each once")
    expect(shared, "nothing is shared")
    by_task = [_reached(loss, [*shared, *others]) for loss in _losses(network, part.image).values()]
    by_all = [all(reached) for reached in zip(*by_task, strict=True)]
    missed = [names[id(p)] for p, reached in zip(shared, by_all, strict=False) if not reached]
    expect(not missed, f"{listed(missed)} counts as shared, but not every task depends on it")
    more = [names[id(p)] for p, reached in zip(others, by_all[len(shared) :], strict=True) if reached]
    expect(not more, f"{listed(more)} does not count as shared, but every task depends on it")


@MODEL.states(MultiTaskNetwork.last_shared_layer)
def last_shared_layer(part: NetworkInHand) -> None:
    """last_shared_layer() gets a gradient from every task"""
    network = part.fresh()
    with torch.no_grad():  # away from first weights that are 0, behind which there is no gradient yet
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.01)
    layer = network.last_shared_layer()
    for task, loss in _losses(network, part.image).items():
        (gradient,) = torch.autograd.grad(loss, [layer], allow_unused=True, retain_graph=True)
        expect(gradient is not None and bool(gradient.any()), f"none from {task}")


@MODEL.states(MultiTaskNetwork.features)
def image_is_left_alone(part: NetworkInHand) -> None:
    """It leaves the images as they were"""
    image = part.image.clone()
    part.network.train()(image)
    expect_equal(image, part.image, "the images afterwards")


@MODEL.states(MultiTaskNetwork.forward)
def evaluation_is_the_same_every_time(part: NetworkInHand) -> None:
    """In eval mode an image's outputs are the same every time, and do not depend on the rest of the batch"""
    network = part.network.eval()
    with torch.no_grad():
        first, again, alone = network(part.image), network(part.image), network(part.image[:1])
    for task in OUTPUTS:
        expect_equal(again[task], first[task], f"{task}, a second time")
        expect_equal(alone[task], first[task][:1], f"{task} of an image alone", ROUNDING)


@MODEL.states(nn.Module.load_state_dict)
def saves_and_restores(part: NetworkInHand) -> None:
    """A fresh network that loads its state_dict gives the same outputs"""
    network, restored = part.network.train(), part.fresh()
    network(part.image)  # moves what is counted
    restored.load_state_dict(through_a_file(network))
    with torch.no_grad():
        expected, outputs = network.eval()(part.image), restored.eval()(part.image)
    for task in OUTPUTS:
        expect_equal(outputs[task], expected[task], task)


@MODEL.states(export_program, note=True)
def exports(part: NetworkInHand) -> None:
    """It is exported by torch.export, for any number of images"""
    network = part.network.eval()
    check_program(export_program(network, part.size()), network, part.size())
