"""Errors that the user can mend, shown without a stack trace."""

from collections.abc import Sequence


class UserError(Exception):
    """A mistake a user can mend: what is wrong, why, and the command that mends it."""

    def __init__(self, what: str, why: str = "", mend: str = "") -> None:
        self.what, self.why, self.mend = what, why, mend
        parts = [what]
        if why:
            parts.append(f"  why:  {why}")
        if mend:
            parts.append("  mend: " + mend.strip().replace("\n", "\n        "))
        super().__init__("\n".join(parts))

    def __reduce__(self) -> tuple[type["UserError"], tuple[str, str, str]]:
        """Pickle the three parts, so that the error passes between processes."""
        return UserError, (self.what, self.why, self.mend)


class CombinedUserError(UserError):
    """Several mistakes, reported together and numbered."""

    def __init__(self, errors: Sequence[UserError]) -> None:
        self.errors = tuple(errors)
        told = (f"{number}. " + str(error).replace("\n", "\n   ") for number, error in enumerate(errors, start=1))
        super().__init__(f"{len(errors)} mistakes\n" + "\n".join(told))


def refuse(errors: Sequence[UserError]) -> None:
    """Raise the only error, or several as one; nothing where there is none."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise CombinedUserError(errors)
