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
from src.contracts.student import RegimeSubject, total_of
from src.distillation.base import Distillation, DistillationOutput, Traits

STEPS = 2

DISTILLATION = Contract(RegimeSubject, Distillation)


@DISTILLATION.property(Traits, required=True)
def declares(subject: RegimeSubject) -> str:
    """It declares Traits that agree with what it builds"""
    if not subject.distils:
        expect(not subject.traits.trains_networks, "it declares trains_networks and builds None")
        return "it builds None"
    regime = subject.fresh().regime
    expect(isinstance(regime, Distillation), f"it builds a {type(regime).__name__}, not a Distillation")
    count, declared = len(regime.network_parameters()), subject.traits.trains_networks
    expect(declared == bool(count), f"it declares trains_networks={declared} and has {count} parameters of networks")
    return str(subject.traits)


@DISTILLATION.property(Distillation.forward)
def losses_are_scalars(subject: RegimeSubject) -> str:
    """Losses, logged values and task weights are finite float32 scalars, and task weights are detached"""
    student = subject.fresh()
    _, output = student.look(draw_batch(student.tasks))
    logged = {f"{kind}/{name}": value for kind, values in output.logged.items() for name, value in values.items()}
    for name, value in {**output.losses, **logged, **output.task_weights}.items():
        expect_scalar(value, name)
    if output.auxiliary_loss is not None:
        expect_scalar(output.auxiliary_loss, "auxiliary_loss")
    expect(not any(w.requires_grad for w in output.task_weights.values()), "task weights are attached to the graph")
    return ", ".join(f"{name} {loss.item():.3g}" for name, loss in output.losses.items())


@DISTILLATION.property(Distillation.auxiliary_parameters)
def everything_learns(subject: RegimeSubject) -> None:
    """Student, adaptors and its own networks get finite gradients, with static_graph all of them in each step"""
    student, reached = subject.fresh(), set()
    for _ in range(STEPS):
        step, output = student.look(draw_batch(student.tasks))
        found = torch.autograd.grad(total_of(step, output), list(student.trained().values()), allow_unused=True)
        gradients = dict(zip(student.trained(), found, strict=True))
        without = [name for name, gradient in gradients.items() if gradient is None]
        expect(not subject.traits.static_graph or not without, f"no gradient for {listed(without)}")
        for name, gradient in gradients.items():
            if gradient is not None:
                expect_finite(gradient, f"the gradient with respect to {name}")
                reached.add(name)
    never = [name for name in student.trained() if name not in reached]
    expect(not never, f"no gradient for {listed(never)} in {STEPS} steps")


@DISTILLATION.property(DistillationOutput)
def student_is_taught(subject: RegimeSubject) -> None:
    """Each of its losses has a gradient with respect to the student"""
    student = subject.fresh()
    _, output = student.look(draw_batch(student.tasks))
    expect(output.losses, "there are no losses")
    for name, loss in output.losses.items():
        expect(loss.requires_grad, f"the loss {name} is detached")
        found = torch.autograd.grad(loss, list(trained(student.network).values()), allow_unused=True, retain_graph=True)
        expect(any(g is not None and g.any() for g in found), f"the loss {name} has none")


@DISTILLATION.property(Distillation.teacher_networks)
def teachers_stay(subject: RegimeSubject) -> None:
    """Trained teachers keep their exact parameters and buffers, get no gradient, and are not in its state_dict"""
    student = subject.fresh()
    if not student.teachers:
        raise DoesNotApplyError("it uses no trained teachers")
    networks = nn.ModuleList([*student.teachers.values(), *student.regime.teacher_networks()])
    before = {name: value.clone() for name, value in networks.state_dict().items()}
    for _ in range(STEPS):
        student.step()
    changed = [name for name, value in networks.state_dict().items() if not torch.equal(value, before[name])]
    expect(not changed, f"{listed(changed)} changed in {STEPS} steps")
    places = {value.data_ptr() for value in networks.state_dict().values()}
    tensors = {name: value for name, value in student.regime.state_dict().items() if isinstance(value, Tensor)}
    saved = [name for name, value in tensors.items() if value.data_ptr() in places and value.numel()]
    expect(not saved, f"{listed(saved)} of its state_dict belong to teachers")
    total = total_of(*student.look(draw_batch(student.tasks)))
    moved = [
        name
        for name, parameter in trained(networks).items()
        if torch.autograd.grad(total, parameter, allow_unused=True, retain_graph=True)[0] is not None
    ]
    expect(not moved, f"{listed(moved)} get a gradient")


@DISTILLATION.property(Distillation.teacher_features)
def teacher_features(subject: RegimeSubject) -> None:
    """teacher_features() returns finite features by teacher, detached"""
    found = subject.fresh().regime.teacher_features(torch.randn(IMAGES, 3, *SIZE))
    for name, features in found.items():
        for level, feature in features.items():
            expect(not feature.requires_grad, f"{level} of {name} is attached to the graph")
            expect_finite(feature, f"{level} of {name}")


@DISTILLATION.property(Distillation.forward)
def nothing_is_learned_without_autograd(subject: RegimeSubject) -> None:
    """Without autograd it learns nothing: its state does not change"""
    student = subject.fresh()
    student.step()
    before = through_a_file(student.regime)
    with torch.no_grad():
        student.look(draw_batch(student.tasks))
    for name, value in student.regime.state_dict().items():
        if isinstance(value, Tensor):
            expect_equal(value, before[name], name)


@DISTILLATION.property(Distillation)
def saves_and_restores(subject: RegimeSubject) -> None:
    """A new regime that loads its state_dict continues with identical losses"""
    student, restored = subject.fresh(), subject.fresh()
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


@DISTILLATION.property(DistillationOutput)
def tasks_without_labels(subject: RegimeSubject) -> None:
    """A batch without labels of one task, or of all, keeps losses and gradients finite"""
    student = subject.fresh()
    for hidden in ([], *([name] for name in student.tasks), list(student.tasks)):
        batch = draw_batch(student.tasks)
        batch |= {name: torch.full_like(batch[name], student.tasks[name].invalid) for name in hidden}
        for name, loss in student.step(batch).items():
            expect_finite(loss, f"the loss {name}, without labels of {', '.join(hidden) or 'none'},")
