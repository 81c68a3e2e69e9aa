"""What went wrong in a worker, as the error a user should see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ray.exceptions import RayError, RayTaskError

from rayscan.errors import RayscanError


@contextmanager
def ours() -> Iterator[None]:
    """Raise the `RayscanError` of a worker itself, not Ray's report of it."""
    try:
        yield
    except RayscanError as error:
        if not isinstance(error, RayTaskError):
            raise
        raise cause(error) or error from None
    except RayError as error:
        raise cause(error) or error from None


def cause(error: BaseException) -> RayscanError | None:
    """The error of ours at the bottom of Ray's chain of reports, if there is one."""
    for each in chain(error):
        if isinstance(each, RayscanError) and not isinstance(each, RayTaskError):
            return each
    return None


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it came from, each once."""
    seen: set[int] = set()
    pending: list[BaseException] = [error]
    while pending:
        current = pending.pop()
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            inner = (getattr(current, "cause", None), current.__cause__, current.__context__)
            pending += [each for each in inner if isinstance(each, BaseException)]
