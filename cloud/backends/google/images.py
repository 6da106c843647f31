"""Google's prebuilt TensorFlow images by version, with the dates until which Google guarantees them. Pure.

https://cloud.google.com/vertex-ai/docs/training/pre-built-containers and
https://cloud.google.com/vertex-ai/docs/predictions/pre-built-containers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

_TRAINING: Mapping[str, date] = {
    "2.17": date(2026, 7, 11),
    "2.16": date(2026, 6, 28),
    "2.15": date(2025, 11, 14),
    "2.14": date(2025, 9, 26),
    "2.13": date(2025, 7, 5),
    "2.12": date(2025, 6, 30),
}
_SERVING: Mapping[str, date] = {"2.15": date(2027, 1, 14), "2.14": date(2027, 1, 14)}
"""The end of availability of each version, newest first."""


@dataclass(frozen=True, slots=True)
class Image:
    uri: str
    warning: str = ""
    """For the user; empty if there is none."""


def training_image(version: str | None, region: str, today: date, *, accelerated: bool) -> Image:
    """The training image of TensorFlow ``version``; the newest one if that version has none."""
    chosen, warning = _choose(version, _TRAINING, "training", today)
    kind = "gpu" if accelerated else "cpu"
    name = f"training/tf-{kind}.{chosen.replace('.', '-')}.py310"
    return Image(f"{_host(region)}/vertex-ai/{name}:latest", warning)


def serving_image(version: str | None, region: str, today: date) -> Image:
    """The serving image of TensorFlow ``version``; the newest one if that version has none."""
    chosen, warning = _choose(version, _SERVING, "serving", today)
    return Image(f"{_host(region)}/vertex-ai/prediction/tf2-cpu.{chosen.replace('.', '-')}:latest", warning)


def _choose(version: str | None, offered: Mapping[str, date], use: str, today: date) -> tuple[str, str]:
    newest = next(iter(offered))
    short = ".".join((version or newest).split(".")[:2])
    warnings = []
    if short not in offered:
        warnings.append(f"Google has no {use} image for runtime version {version}: TensorFlow {newest} is used.")
        short = newest
    if today > offered[short]:
        warnings.append(
            f"Google promised its {use} image of TensorFlow {short} up to {offered[short]}: it may be gone."
        )
    return short, " ".join(warnings)


def _host(region: str) -> str:
    continent = region.partition("-")[0]
    return f"{continent if continent in ('europe', 'asia') else 'us'}-docker.pkg.dev"
