"""The configuration of each command: dataclasses with types, bounds and a description for every field."""
