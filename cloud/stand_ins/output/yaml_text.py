"""YAML as gcloud writes it: keys sorted, quotes where a reader would take a string for something else."""

from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    def choose_scalar_style(self) -> str:
        style = str(super().choose_scalar_style())
        # Where quotes are needed and the text has single ones, gcloud takes double ones.
        event = self.event
        if isinstance(event, yaml.ScalarEvent) and not event.style and style == "'" and "'" in event.value:
            return '"'
        return style

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def dump(value: Any) -> str:
    """With a line feed at its end."""
    if isinstance(value, dict | list) and not value:
        return "{}\n" if isinstance(value, dict) else "[]\n"
    text = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, default_flow_style=False)
    return text.removesuffix("...\n")


def load(text: str) -> Any:
    """Raises:
    ValueError: it is no YAML.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
