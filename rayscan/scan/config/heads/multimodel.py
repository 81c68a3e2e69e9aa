"""The multimodel head: one classifier of two classes, of which the second holds all its signals."""

from __future__ import annotations

from rayscan.scan.config.heads.base import Pairs


class Multimodel(Pairs):
    """Any of its signals from background only."""

    joint = True
    excludes = True
