"""Keys of a variant merged over those of a scan, and where in the variant a merged key is written.

Three rules: a mapping over a mapping merges key by key; a mapping over a list of named things (axes
by their observable, architectures by their label or name) changes those it names; anything else
replaces. ``null`` removes a key, or a named thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from rayscan.errors import nearest
from rayscan.yaml_text import Place

Keys: TypeAlias = Mapping[str, Any]

_NAMES = ("label", "name", "observable")


def merged(base: Any, over: Any) -> Any:
    """What a scan says with the keys of a variant over it; neither is changed.

    >>> merged({"pools": {"train": 0.6}, "seed": 1}, {"pools": {"split": "histograms"}})
    {'pools': {'train': 0.6, 'split': 'histograms'}, 'seed': 1}
    >>> merged([{"observable": "met", "bins": 30}], {"met": {"bins": 5}})
    [{'observable': 'met', 'bins': 5}]
    >>> merged({"background": 100, "signal": [10]}, {"signal": None, "s_over_b": [0.1]})
    {'background': 100, 's_over_b': [0.1]}
    """
    if not isinstance(over, Mapping):
        return over
    if is_named_list(base):
        return [merged(each, over.get(name_of(each), {})) for each in _kept(base, over)]
    old = base if isinstance(base, Mapping) else {}
    kept = {key: value for key, value in old.items() if key not in over}
    new = {key: merged(old.get(key), value) for key, value in over.items() if value is not None}
    # In the order of the base: of processes the first background is the main one.
    order = [*(key for key in old if key in kept or key in new), *new]
    return {key: new[key] if key in new else kept[key] for key in order}


def is_named_list(value: Any) -> bool:
    """Whether it is a list of mappings that each have a name."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, Mapping) and name_of(each) for each in value)
    )


def name_of(element: Keys) -> str:
    """Label, name or observable of an element of a list, or an empty string."""
    return next((str(element[key]) for key in _NAMES if element.get(key)), "")


def _kept(base: list[Keys], over: Keys) -> list[Keys]:
    return [each for each in base if over.get(name_of(each), {}) is not None]


def idle(base: Any, over: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Places in a variant that change nothing: what they name or remove is not there.

    >>> list(idle([{"name": "mlp"}], {"mpl": {"preset": "published"}}))
    [(('mpl',), "the scan has no such element (nearest: 'mlp')")]
    """
    if not isinstance(over, Mapping):
        return
    listed = is_named_list(base)
    known = {name_of(each): each for each in base} if listed else base
    old = known if isinstance(known, Mapping) else {}
    for key, value in over.items():
        here = (*place, key)
        if key not in old and (listed or value is None):
            what = "element" if listed else "key to remove"
            hint = nearest(str(key), map(str, old)) or f" (it has: {', '.join(map(str, old))})"
            yield here, f"the scan has no such {what}{hint if old else ''}"
        else:
            yield from idle(old.get(key), value, here)


def written(place: Place, base: Any, over: Any) -> tuple[Place, bool]:
    """Where in a variant the value at a place of the merged scan is written.

    Returns:
        The place in the words of the variant (elements of lists by name), and whether the value is
        the variant's alone; otherwise it is the scan's, or merged of both.

    >>> axes = [{"observable": "met", "bins": 30}]
    >>> written((0, "bins"), axes, {"met": {"bins": 5}}), written((0, "low"), axes, {})
    ((('met', 'bins'), True), ((0, 'low'), False))
    """
    found: list[str | int] = []
    for position, part in enumerate(place):
        if not isinstance(over, Mapping):
            return (*found, *place[position:]), True
        if is_named_list(base) and isinstance(part, int):
            here: Any = _kept(base, over)[part]
            key: str | int = name_of(here)
        else:
            key, here = part, base.get(part) if isinstance(base, Mapping) else None
        if key not in over:
            return (*found, *place[position:]), False
        found.append(key)
        base, over = here, over[key]
    return tuple(found), not isinstance(over, Mapping)
