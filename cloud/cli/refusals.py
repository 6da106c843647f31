"""What a cloud refused because nothing serves it here, in words."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cloud.gateway.listener import Refusal

_MOST = 20
"""Named in a tally."""


def refused_line(refusal: "Refusal") -> str:
    """One request, as it is reported when it happens."""
    times = f", {refusal.count} times" if refusal.count > 1 else ""
    return f"refused: {refusal.what} is not emulated here{times}"


def report_refusal(refusal: "Refusal") -> None:
    """Print it the 1st, 2nd, 4th, 8th, ... time: a client that retries for ever must not fill the screen."""
    if refusal.count & (refusal.count - 1) == 0:
        click.echo(refused_line(refusal), err=True)


def tally(refusals: Iterable["Refusal"]) -> str:
    """All of them, the most frequent first; empty if there are none."""
    ordered = sorted(refusals, key=lambda refusal: -refusal.count)
    named = [f"{each.what} ({_times(each.count)})" for each in ordered[:_MOST]]
    more = [f"and {len(ordered) - _MOST} more"] if len(ordered) > _MOST else []
    return f"Asked for in vain: {', '.join([*named, *more])}" if ordered else ""


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
