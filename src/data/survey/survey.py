"""Looks at a source before it is packed."""

from collections.abc import Collection, Mapping
from hashlib import blake2b
from itertools import combinations

import numpy as np

from src.data.sources.base import Source
from src.data.survey.checks import findings
from src.data.survey.finding import SHARE, Finding
from src.data.survey.scalar_checks import outside
from src.data.survey.seen import Seen, look
from src.foundation.errors import UserError, refuse


def survey(source: Source, size: tuple[int, int], accept: Collection[str]) -> list[str]:
    """Look at a handful of frames of each split at ``size`` (H, W).

    Args:
        source: where frames come from.
        size: height and width of the store.
        accept: checks whose findings are told but not refused.

    Returns:
        What was accepted, and which values are stored as invalid, a line each.

    Raises:
        UserError: values that cannot be what they are said to be, all that were found.
    """
    notes, errors = [], []
    exempt = getattr(source, "exempt", frozenset[str]())
    for seen in look(source, size):
        for finding in findings(seen, exempt):
            if finding.check in accept:
                notes.append(f"accepted: {finding.what} ({finding.check})")
            else:
                errors.append(_error(finding))
        if note := _becoming_invalid(seen):
            notes.append(note)
    refuse(errors)
    return notes


def shared_frames(images: Mapping[str, np.ndarray], frames: Mapping[str, tuple[str, ...]]) -> Finding | None:
    """Compare the stored images of all splits, (N, H, W, 3) each; two splits must not have an image in common.

    Args:
        images: by split.
        frames: the frames' names by split.
    """
    by_digest = {
        split: {blake2b(np.ascontiguousarray(row).tobytes(), digest_size=16).digest(): i for i, row in enumerate(rows)}
        for split, rows in images.items()
    }
    for one, two in combinations(by_digest, 2):
        common = sorted(
            (by_digest[one][digest], by_digest[two][digest]) for digest in by_digest[one] & by_digest[two].keys()
        )
        if common:
            few = ", ".join(f"{frames[one][i]} = {frames[two][j]}" for i, j in common[:4])
            return Finding(
                "shared_frames",
                f"{one} and {two} have {len(common)} images in common",
                f"the same pixels in {few}{' ...' if len(common) > 4 else ''}; metrics on them would say nothing",
                "take them out of one of the two",
            )
    return None


def refuse_finding(finding: Finding | None, accept: Collection[str]) -> None:
    """Raise UserError for a finding that is not accepted."""
    if finding is not None and finding.check not in accept:
        raise _error(finding)


def _error(finding: Finding) -> UserError:
    mend = f"{finding.mend}\nor store it all the same: 'accept=[{finding.check}]'"
    return UserError(finding.what, finding.why, mend)


def _becoming_invalid(seen: Seen) -> str | None:
    """Tell of the few values that no check refuses and that are stored as invalid."""
    if seen.modality.kind != "scalar":
        return None
    values = seen.values()
    share = float((outside(seen) | ~np.isfinite(values)).mean())
    if not share or (share > SHARE and seen.modality.invalid is not None):
        return None
    return (
        f"{seen.modality.name}: {share:.2%} of the surveyed values are stored as invalid (NaN, infinite, out of range)"
    )
