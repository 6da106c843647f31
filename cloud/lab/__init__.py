"""The lab: chapters in JupyterLab over a cloud of one's own, and their checks.

The names here are what the chapters' notebooks use.
"""

from cloud.lab.check import check
from cloud.lab.drawings import draw_curves, draw_fares
from cloud.lab.names import open_chapter
from cloud.lab.trainer_copy import copy_trainer

__all__ = ["check", "copy_trainer", "draw_curves", "draw_fares", "open_chapter"]
