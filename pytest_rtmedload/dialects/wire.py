"""JSON on the wire, and messages written as templates."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def fill(template: Any, values: dict[str, Any]) -> Any:
    """A copy of a JSON template in which each string `"{name}"` is replaced by the value of that name, of any type."""
    if isinstance(template, dict):
        return {key: fill(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(item, values) for item in template]
    if isinstance(template, str) and template.startswith("{") and template.endswith("}"):
        return values.get(template[1:-1])
    return template
