"""The contract of a regime of distillation."""

import torch
from torch import Tensor, nn

from src.contracts.base import Contract, DoesNotApplyError
from src.contracts.expectations import (
    expect,
    expect_equal,
    expect_finite,
    expect_scalar,
    listed,
    through_a_file,
    trained,
)
from src.contracts.samples import IMAGES, SIZE, draw_batch
from src.contracts.student import RegimeInHand, total_of
from src.distillation.base import Distillation, DistillationOutput, Traits

STEPS = 2


DISTILLATION = Contract(RegimeInHand, Distillation)


@DISTILLATION.states(Traits, needed=True)
def declares(part: RegimeInHand) -> str:
    """It declares its Traits, and does what they say; one that builds None distils nothing"""
    if not part.distils:
        expect(not part.traits.trains_networks, "it trains networks, so it says, and builds None")
        return "it builds None"
    regime = part.fresh().regime
    expect(isinstance(regime, Distillation), f"it builds a {type(regime).__name__}, which is no Distillation")
    networks = len(regime.network_parameters())
    declared = part.traits.trains_networks
    expect(declared == bool(networks), f"trains_networks={declared} beside {networks} parameters of its own networks")
    return str(part.traits)


@DISTILLATION.states(Distillation.forward)
def losses_are_scalars(part: RegimeInHand) -> str:
    """Its losses are finite scalars, its logged values too, and its task weights have no graph"""
    student = part.fresh()
    _, output = student.look(draw_batch(student.tasks))
    logged = {f"{kind}/{name}": value for kind, values in output.logged.items() for name, value in values.items()}
    for name, value in {**output.losses, **logged, **output.task_weights}.items():
        expect_scalar(value, name)
    if output.auxiliary_loss is not None:
        expect_scalar(output.auxiliary_loss, "auxiliary_loss")
    expect(not any(w.requires_grad for w in output.task_weights.values()), "task weights have a graph")
    return ", ".join(f"{name} {loss.item():.3g}" for name, loss in output.losses.items())


@DISTILLATION.states(Distillation.auxiliary_parameters)
def everything_learns(part: RegimeInHand) -> None:
    """The student, adaptors and the regime's own networks get finite gradients; every step the same if it says so"""
    student, reached = part.fresh(), set()
    for _ in range(STEPS):
        step, output = student.look(draw_batch(student.tasks))
        found = torch.autograd.grad(total_of(step, output), list(student.trained().values()), allow_unused=True)
        gradients = dict(zip(student.trained(), found, strict=True))
        without = [name for name, gradient in gradients.items() if gradient is None]
        expect(not part.traits.static_graph or not without, f"no gradient by {listed(without)}")
        for name, gradient in gradients.items():
            if gradient is not None:
                expect_finite(gradient, f"the gradient by {name}")
                reached.add(name)
    never = [name for name in student.trained() if name not in reached]
    expect(not never, f"no gradient by {listed(never)} in {STEPS} steps")


@DISTILLATION.states(DistillationOutput)
def student_is_taught(part: RegimeInHand) -> None:
    """Each of its losses has a gradient by the student"""
    student = part.fresh()
    _, output = student.look(draw_batch(student.tasks))
    expect(output.losses, "there are no losses")
    for name, loss in output.losses.items():
        expect(loss.requires_grad, f"the loss {name} has no graph")
        found = torch.autograd.grad(loss, list(trained(student.network).values()), allow_unused=True, retain_graph=True)
        expect(any(g is not None and g.any() for g in found), f"the loss {name} does not move the student")


@DISTILLATION.states(Distillation.teacher_networks)
def teachers_stay(part: RegimeInHand) -> None:
    """Trained teachers keep parameters and buffers bit by bit, have no gradient, and are in no state_dict"""
    student = part.fresh()
    if not student.teachers:
        raise DoesNotApplyError("it needs none")
    networks = nn.ModuleList([*student.teachers.values(), *student.regime.teacher_networks()])
    before = {name: value.clone() for name, value in networks.state_dict().items()}
    for _ in range(STEPS):
        student.step()
    changed = [name for name, value in networks.state_dict().items() if not torch.equal(value, before[name])]
    expect(not changed, f"{listed(changed)} changed in {STEPS} steps")
    places = {value.data_ptr() for value in networks.state_dict().values()}
    tensors = {name: value for name, value in student.regime.state_dict().items() if isinstance(value, Tensor)}
    saved = [name for name, value in tensors.items() if value.data_ptr() in places and value.numel()]
    expect(not saved, f"{listed(saved)} would be in every checkpoint")
    total = total_of(*student.look(draw_batch(student.tasks)))
    moved = [
        name
        for name, parameter in trained(networks).items()
        if torch.autograd.grad(total, parameter, allow_unused=True, retain_graph=True)[0] is not None
    ]
    expect(not moved, f"{listed(moved)} have a gradient")


@DISTILLATION.states(Distillation.teacher_features)
def teacher_features(part: RegimeInHand) -> None:
    """teacher_features() gives features by teacher, without gradient"""
    found = part.fresh().regime.teacher_features(torch.randn(IMAGES, 3, *SIZE))
    for name, features in found.items():
        for level, feature in features.items():
            expect(not feature.requires_grad, f"{level} of {name} has a graph")
            expect_finite(feature, f"{level} of {name}")


@DISTILLATION.states(Distillation.forward)
def nothing_is_learned_without_autograd(part: RegimeInHand) -> None:
    """Without autograd nothing is learned: its state stays as it was"""
    student = part.fresh()
    student.step()
    before = through_a_file(student.regime)
    with torch.no_grad():
        student.look(draw_batch(student.tasks))
    for name, value in student.regime.state_dict().items():
        if isinstance(value, Tensor):
            expect_equal(value, before[name], name)


@DISTILLATION.states(nn.Module.load_state_dict)
def saves_and_restores(part: RegimeInHand) -> None:
    """A fresh one that loads its state_dict takes the very same steps from there"""
    student, restored = part.fresh(), part.fresh()
    for _ in range(STEPS):
        student.step()
    student.regime.end_epoch()
    restored.regime.load_state_dict(through_a_file(student.regime))
    restored.network.load_state_dict(student.network.state_dict())
    for seed in range(STEPS):
        torch.manual_seed(seed)
        expected = student.step()
        torch.manual_seed(seed)
        for name, loss in restored.step().items():
            expect_equal(loss, expected[name], f"the loss {name} in a later step", 1e-6)


@DISTILLATION.states(DistillationOutput)
def tasks_without_labels(part: RegimeInHand) -> None:
    """A batch on which a task, or every task, has no label leaves losses and gradients finite"""
    student = part.fresh()
    for hidden in ([], *([name] for name in student.tasks), list(student.tasks)):
        batch = draw_batch(student.tasks)
        batch |= {name: torch.full_like(batch[name], student.tasks[name].invalid) for name in hidden}
        for name, loss in student.step(batch).items():
            expect_finite(loss, f"the loss {name}, without labels of {', '.join(hidden) or 'none'},")
