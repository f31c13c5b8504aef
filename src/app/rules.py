"""All rules between fields of a training configuration: contradictions, and values that would change nothing."""

import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from src.app.conf import options, usual_options
from src.app.configuration.train import TrainConfig
from src.app.objective import check_objective
from src.app.overrides import select_overrides
from src.distillation.base import REGIMES, Traits
from src.foundation.errors import UserError
from src.foundation.validation import nearest
from src.tasks.matching import name_of


@dataclass(frozen=True)
class Request:
    """A configuration to check, its overrides, and whether it is a job of a multirun."""

    config: TrainConfig
    overrides: Sequence[str]
    multirun: bool = False

    @property
    def teaching(self) -> bool:
        """Whether a teacher is trained."""
        return self.config.stage.name == "teacher"

    @property
    def regime(self) -> Traits:
        """The traits of the regime of distillation."""
        traits: Traits = REGIMES.traits(self.config.distillation)
        return traits


Rule = Callable[[Request], Iterator[UserError]]
RULES: list[Rule] = []


def broken_rules(request: Request) -> list[UserError]:
    """Return an error for every rule that a request breaks."""
    return [mistake for rule in RULES for mistake in rule(request)]


@RULES.append
def a_teacher_has_one_task_and_a_student_several(request: Request) -> Iterator[UserError]:
    """``task`` belongs to teachers, ``tasks`` to students."""
    config = request.config
    if request.teaching and config.task is None:
        names = ",".join(config.tasks)
        why, mend = "a teacher is a single-task network", f"python -m src.train -m stage=teacher task={names}"
        yield UserError("stage=teacher needs a task", why, mend)
    if not request.teaching and config.task is not None:
        what = f"task={name_of(config.task)} would not change a student"
        yield UserError(what, "a student learns all of tasks", f"tasks=[{','.join(config.tasks)}], or stage=teacher")
    if not config.tasks:
        yield UserError("tasks is empty", "there is nothing to learn", "tasks=[semantic,depth]")


@RULES.append
def a_teacher_is_not_distilled(request: Request) -> Iterator[UserError]:
    """Overrides of distillation would not change a teacher."""
    groups = ("distillation", "adaptor", "distance", "loss_weights", "probe.every")
    if request.teaching:
        yield from _idle(request, groups, "a teacher learns its task alone", "stage=student")


@RULES.append
def nothing_is_said_of_teachers_that_are_not_used(request: Request) -> Iterator[UserError]:
    """``teacher`` and ``teacher_cache`` belong to regimes with trained teachers."""
    config = request.config
    if not request.teaching and request.regime.needs_trained_teachers:
        return
    choice = config.teacher
    named = {"model": choice.model, "size": choice.size, "seed": choice.seed, "proxy": choice.proxy, **choice.entries}
    chosen = {f"teacher.{key}": "null" for key, value in named.items() if value is not None}
    chosen |= {"teacher_cache": "0"} if config.teacher_cache else {}
    why = "no trained teacher is used here"
    for key, off in chosen.items():
        yield UserError(f"{key} would change nothing", why, f"{key}={off}, or stage=student distillation=matched")


@RULES.append
def a_proxy_is_named_and_not_searched_for(request: Request) -> Iterator[UserError]:
    """What teachers are searched by changes nothing where all of them are named."""
    choice, tasks = request.config.teacher, request.config.tasks
    entries = {name: choice.entries.get(name) for name in tasks}
    if choice.proxy is None or any(isinstance(entry, dict) and "from" not in entry for entry in entries.values()):
        return
    for key, value in {"model": choice.model, "size": choice.size, "seed": choice.seed}.items():
        if value is not None:
            yield UserError(f"teacher.{key} would change nothing", "teacher.proxy names the teacher", "leave it out")
    if tasks and all(entries[name] is not None for name in tasks):
        yield UserError("teacher.proxy would change nothing", "every task has an entry of its own", "leave it out")


@RULES.append
def nothing_is_said_of_an_alignment_that_there_is_not(request: Request) -> Iterator[UserError]:
    """``adaptor`` and ``distance`` belong to regimes that align features, and to some level."""
    levels = request.config.distillation.get("levels")
    if not request.teaching and not (request.regime.aligns_features and levels != []):
        why = f"distillation={request.config.names.distillation} aligns no features"
        yield from _idle(request, ("adaptor", "distance"), why, "distillation=matched")


@RULES.append
def what_is_not_decayed_would_be_otherwise(request: Request) -> Iterator[UserError]:
    """``optimiser.decay_norms=false`` exempts from weight decay, where there is some."""
    optimiser = request.config.optimiser
    if optimiser.get("decay_norms") is False and optimiser.get("weight_decay") == 0:
        yield _off("optimiser.decay_norms=false", "optimiser.weight_decay is 0", "optimiser.weight_decay=0.01")


@RULES.append
def lambdas_weigh_teachers(request: Request) -> Iterator[UserError]:
    """A lambda belongs to a teacher, or to a task that this student happens not to have."""
    teachers = [*request.config.tasks, *request.config.teacher.entries]
    for name, weight in (request.config.distillation.get("weights") or {}).items():
        if name not in teachers and name not in options("task"):
            what, why = f"distillation.weights.{name} weighs no teacher", f"the teachers are {', '.join(teachers)}"
            yield UserError(what, why, f"distillation.weights.{nearest(name, teachers) or teachers[0]}={weight}")


@RULES.append
def options_belong_to_what_is_switched_on(request: Request) -> Iterator[UserError]:
    """An option of something that is off would change nothing."""
    config, distillation = request.config, request.config.distillation
    if "temperature" in distillation and not distillation.get("output_weight"):
        usual = REGIMES.options(distillation)["temperature"].default
        if distillation["temperature"] != usual:
            yield _off("distillation.temperature", "no output is distilled", "distillation.output_weight=1")
    if distillation.get("teacher_dropout_by") == "image" and not distillation.get("teacher_dropout"):
        yield _off("distillation.teacher_dropout_by", "no teacher is dropped", "distillation.teacher_dropout=0.5")
    if distillation.get("adaptor_warmup") and distillation.get("levels") == []:
        yield _off("distillation.adaptor_warmup", "no feature is aligned", "distillation.levels=[decoder]")
    if config.compile_mode is not None and not config.compile:
        yield _off("compile_mode", "nothing is compiled", "compile=true")
    if select_overrides(request.overrides, "compile_backend") and not config.compile:
        yield _off("compile_backend", "nothing is compiled", "compile=true")
    if select_overrides(request.overrides, "dataset.holdout") and config.dataset.validation != "holdout":
        yield _off("dataset.holdout", "nothing is held out", "dataset.validation=holdout")
    if select_overrides(request.overrides, "probe.images") and not config.probe.every:
        yield _off("probe.images", "nothing is probed", "probe.every=1")
    if config.trainer.gradient_clip_algorithm and config.trainer.gradient_clip_val is None:
        yield _off("trainer.gradient_clip_algorithm", "nothing is clipped", "trainer.gradient_clip_val=1")


@RULES.append
def the_student_is_pulled_at_last(request: Request) -> Iterator[UserError]:
    """Adaptors that are warmed up all the time would leave the student a plain baseline; debug runs end early."""
    warmup, epochs = request.config.distillation.get("adaptor_warmup") or 0, request.config.trainer.max_epochs
    if not request.teaching and request.config.names.debug is None and warmup >= epochs:
        what = f"distillation.adaptor_warmup={warmup:g} leaves no epoch in which features are aligned"
        yield UserError(what, f"trainer.max_epochs is {epochs}", f"distillation.adaptor_warmup={epochs // 4}")


@RULES.append
def a_protocol_has_what_it_needs(request: Request) -> Iterator[UserError]:
    """Best weights are chosen on held-out images, a mean of ten epochs needs test metrics of each."""
    protocol, validation, trainer = request.config.protocol, request.config.dataset.validation, request.config.trainer
    needed = {"last": None, "mean10": "test", "best": "holdout"}[protocol]
    if needed and validation != needed and (protocol, validation) != ("best", "val"):
        reasons = {
            "holdout": "best weights are chosen on a held-out part of train or on a val split, never on test",
            "test": "the mean of the last ten epochs needs test metrics at every epoch",
        }
        what = f"protocol={protocol} does not go with dataset.validation={validation}"
        yield UserError(what, reasons[needed], f"dataset.validation={needed}")
    if protocol == "best" and trainer.check_val_every_n_epoch > trainer.max_epochs:
        why = f"there are {trainer.max_epochs} epochs and one in {trainer.check_val_every_n_epoch} is"
        yield UserError("protocol=best needs an epoch that is validated", why, "trainer.check_val_every_n_epoch=1")
    if protocol == "mean10" and trainer.check_val_every_n_epoch != 1:
        why = f"trainer.check_val_every_n_epoch is {trainer.check_val_every_n_epoch}"
        yield UserError("protocol=mean10 needs test metrics at every epoch", why, "trainer.check_val_every_n_epoch=1")


@RULES.append
def an_objective_is_computed(request: Request) -> Iterator[UserError]:
    """A sweeper optimises what a run will have."""
    if request.teaching and request.config.task is None:
        return  # another rule's mistake
    try:
        check_objective(request.config)
    except UserError as mistake:
        yield mistake


@RULES.append
def precision_goes_with_the_rest(request: Request) -> Iterator[UserError]:
    """fp16 scales gradients, which some optimisers and weightings cannot work with."""
    config, trainer = request.config, request.config.trainer
    if trainer.precision == "16-mixed" and trainer.gradient_clip_val and config.optimiser.get("fused"):
        yield UserError(
            "a fused optimiser cannot clip gradients under fp16",
            "it takes the gradient scale away itself, after they would have been clipped",
            "optimiser.fused=false, or trainer.precision=bf16-mixed",
        )


@RULES.append
def compilation_is_possible(request: Request) -> Iterator[UserError]:
    """Modes are inductor's, and both backend and mode must be known."""
    config = request.config
    if not config.compile:
        return
    import torch._dynamo  # takes seconds, and only compiled runs need it
    import torch._inductor

    known = torch._dynamo.list_backends(exclude_tags=())
    if config.compile_backend not in known:
        what = f"compile_backend={config.compile_backend} is unknown"
        yield UserError(what, f"choose one of {', '.join(known)}", "compile_backend=inductor")
    if config.compile_mode is not None and config.compile_backend != "inductor":
        what = f"compile_mode={config.compile_mode} does not go with compile_backend={config.compile_backend}"
        yield UserError(what, "modes are inductor's", "compile_mode=null, or compile_backend=inductor")
    elif config.compile_mode is not None and config.compile_mode not in (modes := torch._inductor.list_mode_options()):
        yield UserError(f"compile_mode={config.compile_mode} is unknown", f"choose one of {', '.join(modes)}")


@RULES.append
def processes_can_work_together(request: Request) -> Iterator[UserError]:
    """Lightning starts processes by the parent's command line, which under a multirun may draw other values."""
    trainer, labels = request.config.trainer, request.config.labels
    by_slurm = "SUBMITIT_EXECUTOR" in os.environ and int(os.environ.get("SLURM_NTASKS", 1)) > 1
    if request.multirun and not by_slurm and trainer.launches_processes and _count(trainer.devices) > 1:
        name = trainer.strategy if isinstance(trainer.strategy, str) else "ddp"
        yield UserError(
            f"strategy {name} with devices={trainer.devices} does not work under a multirun",
            "the processes it launches compose their config anew and could train different jobs",
            "use trainer=ddp_spawn, or trainer.devices=1 per job, or start each job by itself without -m",
        )
    if trainer.static_graph and labels != "full":
        yield _changing_graph(f"under labels={labels} a batch can lack a task, and the graph with it")
    elif trainer.static_graph and not request.teaching and not request.regime.static_graph:
        named = request.config.names.distillation
        yield _changing_graph(f"under distillation={named} the graph, or the weights that come of it, would differ")


@RULES.append
def lightning_knows_the_arguments(request: Request) -> Iterator[UserError]:
    """``trainer`` is open for any other argument of Lightning's Trainer, and for nothing else."""
    if others := request.config.trainer.others:
        from pytorch_lightning import Trainer  # takes seconds

        set_here = {"callbacks", "logger", "plugins", "default_root_dir", "enable_progress_bar", "enable_checkpointing"}
        known = set(inspect.signature(Trainer.__init__).parameters) - set_here
        for key in others:
            if key in set_here:
                yield UserError(f"trainer.{key} is set by the program", "runs would differ from their records")
            elif key not in known:
                yield UserError(f"there is no key trainer.{key}", "Lightning's Trainer has no such argument")


def _idle(request: Request, groups: Sequence[str], why: str, instead: str) -> Iterator[UserError]:
    """Yield an error for each override of ``groups`` that would change nothing; the default option is no mistake."""
    usual = usual_options("train")
    for override in select_overrides(request.overrides, *groups):
        key, _, value = override.lstrip("+~").partition("=")
        if value != str(usual.get(key, "")):
            yield UserError(f"{key}={value} would change nothing", why, f"leave {key} out, or {instead}")


def _off(key: str, why: str, switch: str) -> UserError:
    return UserError(f"{key} would change nothing", why, f"leave {key} out, or {switch}")


def _changing_graph(why: str) -> UserError:
    return UserError(
        "trainer.strategy.static_graph=true does not work here", why, "trainer.strategy.static_graph=false"
    )


def _count(devices: object) -> int:
    """Count devices as Lightning would."""
    import torch

    if isinstance(devices, list):
        return len(devices)
    if str(devices) in ("auto", "-1"):
        return torch.cuda.device_count()
    text = str(devices)
    return len([part for part in text.split(",") if part]) if "," in text else int(text) if text.isdigit() else 1
