"""Text that comes from data, made safe to print."""


def printable(text: str) -> str:
    """Return text in one line, without what controls a terminal or cannot be encoded."""
    line = " ".join(text.split())
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
