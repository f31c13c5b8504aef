"""The alignment of a student's shared features with each teacher's, through an adaptor per teacher and level."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.distillation.adaptors.base import BuildAdaptor, SharedAdaptor, adaptors_of_level
from src.distillation.distances.base import Distance, InFloat32
from src.distillation.levels import Levels
from src.distillation.standardise import STANDARDISERS
from src.foundation.errors import UserError
from src.models.base import Features, feature_of

Channels = Mapping[str, int]


@dataclass(frozen=True)
class Pair:
    """The two features (N, C, H, W), of any precision, that are compared for a teacher at a level."""

    teacher: str
    level: str
    student_side: Tensor
    teacher_side: Tensor


class Alignment(nn.Module):
    """Sum over levels of the distance between adapted student and teacher features, for each teacher.

    Args:
        student: channels of the student's levels.
        teachers: channels of each teacher's levels.
        levels: for each teacher, student level -> teacher level.
        build_adaptor: builds an adaptor from (student channels, teacher channels), or those of all teachers at once.
        distance: maps features (N, C, H, W) of the student's and the teacher's side, float32 unless it takes any
            precision, to a scalar; the parameters of one that is a module are trained with the adaptors.
        ladder: whether the adapted features of all student levels aligned with one teacher level are summed before
            they are compared (UNIC's ladder of projectors, arXiv 2408.05088), instead of compared one by one.
        inverted: whether adaptors map the teacher's feature to the student's (inverted projection, arXiv 2403.14494).
        standardise: ``none``, ``channel`` or ``phi_s``: how teacher features are standardised; see ``standardise.py``.

    Raises:
        UserError: options that contradict each other.
    """

    def __init__(
        self,
        student: Channels,
        teachers: Mapping[str, Channels],
        levels: Mapping[str, Levels],
        build_adaptor: BuildAdaptor | SharedAdaptor,
        distance: Distance,
        ladder: bool = False,
        inverted: bool = False,
        standardise: str = "none",
    ) -> None:
        super().__init__()
        _check(build_adaptor, ladder, inverted, standardise)
        self.levels = {teacher: dict(pairs) for teacher, pairs in levels.items()}
        self.distance, self.ladder, self.inverted = InFloat32(distance), ladder, inverted
        built = _adaptors(build_adaptor, student, teachers, self.levels, inverted)
        self.adaptors = nn.ModuleDict({teacher: nn.ModuleDict(by_level) for teacher, by_level in built.items()})
        self.standardisers = nn.ModuleDict()
        if standardise != "none":
            for teacher, goal in dict.fromkeys((t, goal) for t, pairs in levels.items() for goal in pairs.values()):
                self.standardisers[f"{teacher}/{goal}"] = STANDARDISERS[standardise](teachers[teacher][goal])

    @property
    def student_levels(self) -> set[str]:
        """The student's levels that are aligned."""
        return {level for pairs in self.levels.values() for level in pairs}

    def compared(self, teacher: str) -> list[str]:
        """List the levels at which ``teacher`` is compared, as ``distances`` names them."""
        levels = self.levels[teacher]
        return list(dict.fromkeys(levels.values() if self.ladder else levels))

    def forward(self, student: Features, teachers: Mapping[str, Features], by_image: bool = False) -> dict[str, Tensor]:
        """Map features of the student and of each teacher to one alignment loss per teacher, or one per image (N)."""
        found = self.distances(student, teachers, by_image)
        return {teacher: torch.stack(list(distances.values())).sum(0) for teacher, distances in found.items()}

    def distances(
        self, student: Features, teachers: Mapping[str, Features], by_image: bool = False
    ) -> dict[str, dict[str, Tensor]]:
        """Compute the distance at each level for each teacher; under a ladder levels are the teacher's.

        A distance is a scalar, or with ``by_image`` (N), whose mean is that scalar: distances average over images.
        """
        found: dict[str, dict[str, Tensor]] = {}
        for pair in self.pairs(student, teachers):
            with torch.autocast(pair.student_side.device.type, enabled=False):
                found.setdefault(pair.teacher, {})[pair.level] = self._distance(pair, by_image)
        return found

    def _distance(self, pair: Pair, by_image: bool) -> Tensor:
        if not by_image:
            distance: Tensor = self.distance(pair.student_side, pair.teacher_side)
            return distance
        images = zip(pair.student_side.split(1), pair.teacher_side.split(1), strict=True)
        return torch.stack([self.distance(ours, theirs) for ours, theirs in images])

    def pairs(self, student: Features, teachers: Mapping[str, Features]) -> Iterator[Pair]:
        """Yield the pairs of features that are compared.

        Where a task has a feature of its own at a level, that one is aligned. An adapted feature is resampled
        bilinearly where the other side's has another height and width.
        """
        for teacher, levels in self.levels.items():
            goals = {t: self._goal(teacher, t, feature_of(teachers[teacher], t, teacher)) for t in levels.values()}
            rungs: dict[str, list[Tensor]] = {}
            for s, t in levels.items():
                adaptor, feature = self.adaptors[teacher][s], feature_of(student, s, teacher)  # type: ignore[index]
                if self.inverted:
                    yield Pair(teacher, s, feature, _resized(adaptor(goals[t]), feature))
                elif self.ladder:
                    rungs.setdefault(t, []).append(_resized(adaptor(feature), goals[t]).float())
                else:
                    yield Pair(teacher, s, _resized(adaptor(feature), goals[t]), goals[t])
            for t, adapted in rungs.items():
                yield Pair(teacher, t, torch.stack(adapted).sum(0), goals[t])

    def _goal(self, teacher: str, level: str, feature: Tensor) -> Tensor:
        if not self.standardisers:
            return feature
        with torch.autocast(feature.device.type, enabled=False):
            return self.standardisers[f"{teacher}/{level}"](feature.float())


def _adaptors(
    build: BuildAdaptor | SharedAdaptor,
    student: Channels,
    teachers: Mapping[str, Channels],
    levels: Mapping[str, Levels],
    inverted: bool,
) -> dict[str, dict[str, nn.Module]]:
    """Build the adaptor of each teacher and student level."""
    built: dict[str, dict[str, nn.Module]] = {teacher: {} for teacher in levels}
    for level in dict.fromkeys(s for pairs in levels.values() for s in pairs):
        widths = {t: teachers[t][pairs[level]] for t, pairs in levels.items() if level in pairs}
        if inverted:
            made = {t: adaptors_of_level(build, width, {t: student[level]})[t] for t, width in widths.items()}
        else:
            made = adaptors_of_level(build, student[level], widths)
        for teacher, adaptor in made.items():
            built[teacher][level] = adaptor
    return built


def _resized(adapted: Tensor, other: Tensor) -> Tensor:
    if adapted.shape[-2:] == other.shape[-2:]:
        return adapted
    return functional.interpolate(adapted, other.shape[-2:], mode="bilinear", align_corners=False)


def _check(build_adaptor: BuildAdaptor | SharedAdaptor, ladder: bool, inverted: bool, standardise: str) -> None:
    """Raise UserError for options that are unknown or contradict each other."""
    if standardise not in ("none", *STANDARDISERS):
        known = ", ".join(["none", *STANDARDISERS])
        raise UserError(f"distillation.standardise={standardise} is unknown", f"choose one of {known}")
    if inverted and ladder:
        raise UserError(
            "distillation.inverted=true and distillation.ladder=true exclude each other",
            "a ladder sums adapted features of the student, an inverted projection adapts none of them",
        )
    if inverted and isinstance(build_adaptor, SharedAdaptor):
        raise UserError(
            "adaptor=shared does not go with distillation.inverted=true",
            "an inverted projection needs an adaptor of its own for each teacher",
            "adaptor=linear",
        )
