"""A cut on one observable, as text and as an interval.

E events.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rayscan.arrays import Flags, Reals
from rayscan.events.observables import names as named

_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_SIGN = r"<=|>=|==|<|>"
_CUT = re.compile(
    rf"(?:(?P<left>{_NUMBER})\s*(?P<left_sign>{_SIGN})\s*)?"
    r"(?P<name>abs\(\s*\w+\s*\)|[A-Za-z_]\w*)"
    rf"(?:\s*(?P<right_sign>{_SIGN})\s*(?P<right>{_NUMBER}))?"
)
_EXAMPLES = "'130 < jet1_pt <= 500', 'abs(jet1_eta) < 2.5' or 'n_jets == 1'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A condition on one observable.

    Attributes:
        observable: Its name.
        conditions: One or two pairs (sign, number) that must all hold, as read with the observable
            on the left; the lower bound first.
        absolute: Whether the absolute value is compared.
    """

    observable: str
    conditions: tuple[tuple[str, float], ...]
    absolute: bool = False

    @classmethod
    def parse(cls, text: str) -> Cut:
        """A cut from its text.

        >>> str(Cut.parse("500 >= jet1_pt > 130"))
        '130 < jet1_pt <= 500'

        Raises:
            ValueError: The text is no cut, its observable does not exist, or nothing can pass it.
        """
        found = _CUT.fullmatch(text.strip())
        if found is None or not (found["left"] or found["right"]):
            raise ValueError(f"'{text}': not a cut, expected e.g. {_EXAMPLES}")
        name = found["name"]
        absolute = name.startswith("abs(")
        name = name.removeprefix("abs(").removesuffix(")").strip()
        named.check(name)
        conditions = []
        if found["left"]:
            conditions.append((_MIRRORED[found["left_sign"]], float(found["left"])))
        if found["right"]:
            conditions.append((found["right_sign"], float(found["right"])))
        cut = cls(observable=name, conditions=_ordered(text, conditions), absolute=absolute)
        _refuse_impossible(text, cut)
        return cut

    def keeps(self, values: Reals) -> Flags:
        """Which events pass, shape (E,); NaN (an absent object) never does.

        Args:
            values: The observable, shape (E,). Bounds are compared in its precision, so that
                ``30.1`` means the float32 nearest to it in an event table.
        """
        compared = np.abs(values) if self.absolute else values
        kept = np.ones(len(values), dtype=np.bool_)
        for sign, number in self.conditions:
            kept &= _OPERATORS[sign](compared, number)
        return kept

    def __str__(self) -> str:
        """The canonical text: equal cuts read alike."""
        name = f"abs({self.observable})" if self.absolute else self.observable
        sign, number = self.conditions[-1]
        text = f"{name} {sign} {_written(number)}"
        if len(self.conditions) == 1:
            return text
        low_sign, low = self.conditions[0]
        return f"{_written(low)} {_MIRRORED[low_sign]} {text}"


def _ordered(text: str, conditions: list[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    if len(conditions) == 1:
        return tuple(conditions)
    directions = {sign[0] for sign, _ in conditions}
    if directions != {"<", ">"}:
        raise ValueError(f"'{text}': not an interval, expected e.g. '130 < jet1_pt <= 500'")
    return tuple(sorted(conditions, key=lambda condition: condition[0], reverse=True))


def _refuse_impossible(text: str, cut: Cut) -> None:
    signs = dict(cut.conditions)
    if not all(math.isfinite(number) for number in signs.values()):
        raise ValueError(f"'{text}': a bound is infinite, expected finite numbers")
    low = max((n for s, n in signs.items() if s not in {"<", "<="}), default=-math.inf)
    high = min((n for s, n in signs.items() if s not in {">", ">="}), default=math.inf)
    closed = all("=" in sign for sign in signs)
    empty_interval = low > high or (low == high and not closed)
    below_zero = cut.absolute and (high < 0 or (high == 0 and "<" in signs))
    if empty_interval or below_zero:
        raise ValueError(f"'{text}': no event can pass, expected a lower bound below the upper one")


def _written(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
