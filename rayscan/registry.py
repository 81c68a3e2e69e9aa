"""A family: members by name, each loaded when first asked for; installed packages add their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from rayscan.errors import MemberError, nearest

Member = TypeVar("Member")


class Family(Mapping[str, Member], Generic[Member]):
    """Members of one kind by name, ours and those of installed packages.

    Args:
        what: What one member is, in words of messages: ``architecture``.
        places: Ours: name to ``module:attribute``. The attribute is a member, or what makes one
            when it is called without arguments.
        made: Makes a member of what was loaded, and refuses with `MemberError` what is none.
        group: Entry points of other packages: name to ``module:attribute``; empty for none.
    """

    def __init__(
        self,
        what: str,
        places: Mapping[str, str],
        made: Callable[[str, object], Member],
        *,
        group: str = "",
    ) -> None:
        self._what, self._made, self._group = what, made, group
        self._ours = {name: EntryPoint(name, place, group) for name, place in places.items()}
        self._loaded: dict[str, Member] = {}

    @cached_property
    def _points(self) -> dict[str, EntryPoint]:
        found = dict(self._ours)
        for point in entry_points(group=self._group) if self._group else ():
            if point.name in found:
                why = f"{_source(found[point.name])} and {_source(point)} both bring one"
                raise MemberError(what=self._what, name=point.name, why=why)
            found[point.name] = point
        return found

    def __getitem__(self, name: str) -> Member:
        """The member itself.

        Raises:
            KeyError: There is none of this name (`unknown` says which there are).
            MemberError: An installed package's cannot be loaded, or is not of this kind.
        """
        if name not in self._loaded:
            point = self._points[name]
            try:
                found = point.load()
            except Exception as error:  # whatever an import of others does
                if name in self._ours:
                    raise
                why = f"{_source(point)} cannot be loaded: {error}"
                raise MemberError(what=self._what, name=name, why=why) from error
            self._loaded[name] = self._made(name, found)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._points)

    def __len__(self) -> int:
        return len(self._points)

    def __contains__(self, name: object) -> bool:
        return name in self._points

    @property
    def ours(self) -> tuple[str, ...]:
        """Names of the members that are no other package's."""
        return tuple(self._ours)

    def known(self, name: str) -> str:
        """The name of a member, or ValueError with those that there are."""
        if name not in self:
            raise ValueError(self.unknown(name))
        return name

    def unknown(self, name: str) -> str:
        """Why a name is none of this family: those that are, and the nearest of them."""
        return f"'{name}' is not one of {', '.join(self)}{nearest(name, self)}"


def _source(point: EntryPoint) -> str:
    package = f" of {point.dist.name} {point.dist.version}" if point.dist else ""
    return f"{point.value}{package}"


def instances(what: str, kind: type) -> Callable[[str, object], Any]:
    """What makes members that are objects of a class, loaded as such an object or as its class.

    Args:
        what: What one member is, in words of messages.
        kind: The class; a subclass that leaves something abstract makes no member.
    """

    def made(name: str, found: object) -> Any:
        if isinstance(found, type) and issubclass(found, kind):
            if missing := ", ".join(sorted(getattr(found, "__abstractmethods__", ()))):
                raise MemberError(what=what, name=name, why=f"it does not say its {missing}")
            found = found()
        if not isinstance(found, kind):
            raise MemberError(what=what, name=name, why=f"{found!r} is no {kind.__name__}")
        return found

    return made
