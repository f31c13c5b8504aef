"""Which checks a map of a kind is put to."""

from collections.abc import Callable, Collection, Iterator

from src.data.survey.finding import Finding
from src.data.survey.map_checks import constant, image_range, nothing_valid, one_class
from src.data.survey.normal_checks import normal_axes, normal_range, normal_sign
from src.data.survey.scalar_checks import depth_mark, depth_range, not_finite, out_of_range, rounded_to_zero
from src.data.survey.seen import Seen

BY_KIND: dict[str, list[Callable[[Seen], Iterator[Finding]]]] = {
    "image": [image_range, constant],
    "classes": [one_class],
    "binary": [one_class],
    "scalar": [not_finite, out_of_range, constant, depth_range, depth_mark, rounded_to_zero],
    "vector": [not_finite, constant, normal_range, normal_axes, normal_sign],
}


def findings(seen: Seen, exempt: Collection[str] = ()) -> Iterator[Finding]:
    """Apply the checks of a kind to the maps of a modality; those in ``exempt`` do not hold for its source."""
    empty = [split for split in seen.maps if not len(seen.valid(split))]
    # without a valid value there is nothing that other checks could look at
    checks = BY_KIND[seen.modality.kind] if not empty else [nothing_valid]
    for check in checks:
        found = [finding for finding in check(seen) if finding.check not in exempt]
        yield from found
        if found and check in (constant, normal_range):
            return  # what other checks would say follows from it
