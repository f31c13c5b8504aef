"""YAML that holds plain values and nothing else."""

from pathlib import Path
from typing import Any

import yaml

from src.foundation.errors import UserError


class _PlainLoader(yaml.SafeLoader):
    """Refuses aliases, by which a small file grows without bound, and keys that are there twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not read: write it out", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value} is there twice", key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def read_plain_yaml(path: Path) -> Any:
    """Read a YAML file as mappings with text as keys, lists, numbers and text; raises UserError for what is none."""
    mend = "correct it, then run the same command again"
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is no file", "", mend)
    try:
        return _with_text_keys(yaml.load(path.read_text(encoding="utf-8"), _PlainLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise UserError(f"{path} is no valid YAML", f"{where}{error.problem or error.context}", mend) from error
    except RecursionError as error:
        raise UserError(f"{path} cannot be read", "it is nested too deeply", mend) from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read", " ".join(str(error).split()), mend) from error


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _with_text_keys(inner) for key, inner in value.items()}
    return [_with_text_keys(inner) for inner in value] if isinstance(value, list) else value
