"""Errors that are the user's to mend, told without a stack trace."""


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
        """Keep the three parts when a worker process hands the error on."""
        return type(self), (self.what, self.why, self.mend)
