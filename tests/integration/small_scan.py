"""A small scan on generated densities, and a reporter that remembers what it was told."""

from __future__ import annotations

SCAN = """
name: small
seed: 11
storage: {storage}
cache: {cache}
processes:
  znunu: {{role: background, generate: {{process: znunu_jet, events: 30000, source: density}}}}
  spin1: {{role: signal, generate: {{process: spin1_on, events: 12000, source: density}}}}
  spin0: {{role: signal, generate: {{process: spin0_on, events: 12000, source: density}}}}
selection:
  cuts: ["jet1_pt > 130", "abs(jet1_eta) < 4"]
binning:
  axes:
    - {{observable: jet1_pt, bins: 10, low: 130, high: 800, scale: log, overflow: last}}
    - {{observable: jet1_eta, bins: 6, low: -4, high: 4}}
mixtures: {{background: 400, s_over_sqrt_b: [1, 3]}}
ensembles: {{train: 600, validation: 300, test: 800}}
architectures:
  - name: likelihood_ratio
  - name: logistic_regression
  - {{name: mlp, hyperparameters: {{epochs: 3}}}}
training: {{strength: {strength}, repeats: 2}}
limits: {{luminosity: [139], referee: 1, channels: 8}}
resources: {{workers: {workers}}}
"""


class Silent:
    """A reporter that remembers what it was told."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.said: list[str] = []
        self.begun: list[str] = []
        self.done: dict[str, int] = {}

    def begin(self, scan: str) -> None:
        self.begun.append(scan)

    def stage(self, name: str, total: int, unit: str) -> None:
        self.stages.append(name)
        self.done[name] = 0

    def advance(self, count: int, note: str = "", *, earlier: bool = False) -> None:
        self.done[self.stages[-1]] += count

    def say(self, text: str) -> None:
        self.said.append(text)
