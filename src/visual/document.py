"""Self-contained pages from templates."""

from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from src.visual.style import DRAWING, INK, RULE, SOFT


def render(package: str, name: str, **values: Any) -> str:
    """Fill a template of ``package``, which may extend those of src.visual; what is not Markup is escaped."""
    templates = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("src.visual")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template(name).render(values, ink=INK, soft=SOFT, rule=RULE, drawing=Markup(DRAWING))
