"""Draws the state diagrams of architecture.md from cloud/lifecycle.py: ``python docs/state_diagrams.py``."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from cloud.lifecycle import JOB_TRANSITIONS, VERSION_TRANSITIONS

PAGE = Path(__file__).with_name("architecture.md")
DIAGRAMS: dict[str, Mapping[tuple[StrEnum, StrEnum], StrEnum]] = {
    "job": JOB_TRANSITIONS,  # type: ignore[dict-item]
    "version": VERSION_TRANSITIONS,  # type: ignore[dict-item]
}


def redrawn(page: str) -> str:
    """``page`` with each diagram between its markers replaced by the current one."""
    for name, transitions in DIAGRAMS.items():
        arrows = [f"    {start.value} --> {end.value}: {event.value}" for (start, event), end in transitions.items()]
        drawing = "\n".join(["```mermaid", "stateDiagram-v2", *arrows, "```"])
        begin, end = f"<!-- {name} states -->\n", f"\n<!-- end of {name} states -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = before + begin + drawing + end + after
    return page


if __name__ == "__main__":
    PAGE.write_text(redrawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
