"""The configuration of ``python -m src.train``."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from src.app.configuration.kinds import Count, DeltaMetrics, ImageSize, NotNegative, OpenMap, Part, PartOf, Section
from src.app.configuration.trainer import Trainer


@dataclass(frozen=True, kw_only=True)
class Stage(Section):
    """Which network is trained."""

    name: Annotated[Literal["teacher", "student"], Field(description="a single-task network, or the multi-task one")]


Validation = Annotated[
    Literal["test", "val", "holdout", "none"],
    Field(description="what is validated on: test (logged, never selected on), the store's val split, a held-out share "
          "of train, or none; null in a yaml: val where there is one, else test"),
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DatasetToPrepare(Section):
    """The data, where they may not be packed yet."""

    name: Annotated[str, Field(description="name in reports and paths")]
    size: Annotated[ImageSize | None, Field(description="[height, width] in pixels; null: what the data say")]
    classes: Annotated[
        Count | None,
        Field(description="number of semantic classes, which chooses the label set where there are several"),
    ] = None
    label: Annotated[
        str | None, Field(description="label set of task=semantic, a map of the store; null: the only one")
    ]
    edge_tolerance: Annotated[
        float,
        Field(gt=0, lt=1, description="tolerance of task=edges when it is measured, in diagonals of the image"),
    ] = 0.0075
    root: Annotated[str, Field(description="folder of the packed store")]
    procedural: Annotated[bool, Field(description="whether the data are generated when they are first used")]
    batch_size: Annotated[Count, Field(description="images per process and step")]
    workers: Annotated[NotNegative, Field(description="processes that load; 0 loads in the training process")]
    resident: Annotated[bool, Field(description="keep all data on the device")]
    validation: Annotated[
        Validation | None, Field(description="what is validated on; null: val where there is one, else test")
    ]
    holdout: Annotated[float, Field(gt=0, lt=1, description="share of train that validation=holdout holds out")]
    source: Annotated[Part, PartOf("source"), Field(description="where `prepare` takes the frames from")]


@dataclass(frozen=True, kw_only=True)
class Dataset(DatasetToPrepare):
    """The data, once its store has said what the configuration leaves open."""

    size: ImageSize
    validation: Validation


@dataclass(frozen=True, kw_only=True)
class TeacherChoice(Section):
    """Which teachers a student takes, where they differ from the student itself."""

    model: Annotated[str | None, Field(description="option of model that teachers were trained with")]
    size: Annotated[ImageSize | None, Field(description="[height, width] of their images")]
    seed: Annotated[NotNegative | None, Field(description="seed that they were trained with")]
    proxy: Annotated[
        str | None,
        Field(description="one multi-task run directory, weights file or checkpoint that teaches every task without an "
              "entry of its own"),
    ] = None  # fmt: skip
    entries: Annotated[
        dict[str, Any],
        OpenMap(),
        Field(description="by task: a run directory, weights file or checkpoint, none, or a mapping; other names add "
              "a network without a task"),
    ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Pictures(Section):
    """Panels of predictions."""

    every: Annotated[NotNegative, Field(description="epochs between drawings; 0 draws only at the end")]
    count: Annotated[NotNegative, Field(description="images that are drawn")]


@dataclass(frozen=True, kw_only=True)
class Probe(Section):
    """Similarity of a student's features to the teachers', and of its task gradients to each other."""

    every: Annotated[NotNegative, Field(description="epochs between probes; 0 never probes")]
    images: Annotated[Count, Field(description="training images that are probed, in one batch")]


@dataclass(frozen=True, kw_only=True)
class Ema(Section):
    """An exponential moving average of the network's weights."""

    decay: Annotated[
        float,
        Field(ge=0, lt=1, description="share that each step keeps of the average that is evaluated; 0: no average"),
    ] = 0.0


@dataclass(frozen=True, kw_only=True)
class Paths(Section):
    """Folders."""

    data: Annotated[str, Field(description="where packed stores are")]
    runs: Annotated[str, Field(description="where run directories are")]


@dataclass(frozen=True, kw_only=True)
class Names(Section):
    """Which option of each group was chosen; set by the program itself."""

    model: str
    distillation: str
    adaptor: str
    distance: str
    loss_weights: str
    optimiser: str
    schedule: str
    experiment: str | None
    debug: str | None


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Section):
    """A training run."""

    stage: Stage
    task: Annotated[Part | None, PartOf("task"), Field(description="the task of a teacher")] = None
    tasks: Annotated[dict[str, Part], PartOf("task", several=True), Field(description="the tasks of a student")]
    dataset: Dataset
    model: Annotated[Part, PartOf("model"), Field(description="the network")]
    distillation: Annotated[Part, PartOf("distillation"), Field(description="how the student learns from teachers")]
    adaptor: Annotated[Part, PartOf("adaptor"), Field(description="maps student features to teachers'")]
    distance: Annotated[Part, PartOf("distance"), Field(description="how adapted and teacher features are compared")]
    loss_weights: Annotated[Part, PartOf("loss_weights"), Field(description="how task losses are combined")]
    optimiser: Annotated[Part, PartOf("optimiser"), Field(description="the network's optimiser")]
    schedule: Annotated[Part, PartOf("schedule"), Field(description="learning-rate factor by epoch, or by step")]
    augmentation: Annotated[
        dict[str, Part], PartOf("transform", several=True), Field(description="transforms of training images, in order")
    ] = field(default_factory=dict)
    ema: Ema = field(default_factory=Ema)
    trainer: Trainer
    logger: Annotated[
        dict[str, Part], PartOf("tracker", several=True), Field(description="trackers beside metrics.csv")
    ] = field(default_factory=dict)
    seed: Annotated[NotNegative, Field(description="of weights, order of images, augmentation and drawn labels")]
    protocol: Annotated[
        Literal["last", "mean10", "best"],
        Field(description="which weights are evaluated on test: the last epoch's, the mean metrics of the last ten, "
              "or the best on held-out images of train or of val"),
    ]  # fmt: skip
    label: Annotated[str | None, Field(description="name of the method in reports")]
    channels_last: Annotated[bool, Field(description="memory format of images and networks")]
    compile: Annotated[bool, Field(description="compile the trunks of student and teachers with torch.compile")]
    compile_backend: Annotated[str, Field(description="backend of torch.compile")]
    compile_mode: Annotated[str | None, Field(description="mode of torch.compile, such as reduce-overhead")]
    labels: Annotated[
        Literal["full", "random", "one"],
        Field(description="which labels training images keep: all, a random subset of the tasks', a single task's"),
    ]
    teacher: TeacherChoice
    teacher_cache: Annotated[float, Field(ge=0, description="capacity of the teachers' feature cache in GiB; 0 is off")]
    resume: Annotated[str | None, Field(description="run directory to continue")]
    reuse: Annotated[
        bool,
        Field(description="do not train twice what has the same settings: a finished run does, another is continued"),
    ]
    objective: Annotated[
        str | None,
        Field(description="what a sweeper optimises: val/score, a metric of metrics.json such as semantic/miou, or "
              "delta_mtl against the run's teachers"),
    ] = None  # fmt: skip
    delta_metrics: DeltaMetrics = None
    extensions: Annotated[list[str], Field(description="modules of your own that register parts")]
    pictures: Pictures
    probe: Probe
    paths: Paths
    names: Names
