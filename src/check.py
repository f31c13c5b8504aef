"""Check parts, such as ones of your own, against their contracts: python -m src.check task=depth."""

import sys
from collections import Counter

from src.app import command
from src.app.command import Invocation
from src.app.configuration.commands import CheckConfig
from src.contracts.kinds import CONTRACTS
from src.contracts.parts import find_parts


def check(invocation: Invocation[CheckConfig]) -> None:
    """Print what was found of each property of the parts; ends with status 1 where one does not hold."""
    named = {group: name for group in CONTRACTS if (name := getattr(invocation.config, group)) is not None}
    verdicts: list[str] = []
    for part in find_parts(named, invocation.config.options):
        print(f"{part.group}={part.name}", flush=True)
        for finding in CONTRACTS[part.group].findings(part.config, invocation.trace):
            print(finding, flush=True)
            verdicts.append(finding.verdict)
    print("properties: " + ", ".join(f"{count} {verdict}" for verdict, count in Counter(verdicts).items()))
    if "does not hold" in verdicts:
        sys.exit(1)


def main() -> None:
    """Run the command line."""
    command.run(check, "check", CheckConfig)


if __name__ == "__main__":
    main()
