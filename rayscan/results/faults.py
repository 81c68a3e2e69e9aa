"""Which failures of a storage may pass, and how they are waited for."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from typing import TypeVar

import tenacity

logger = logging.getLogger(__name__)

T = TypeVar("T")

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

_PASSING = frozenset(
    {
        *(errno.EACCES, errno.EAGAIN, errno.EBUSY, errno.EIO, errno.EPERM, errno.EPIPE),
        *(errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTDOWN),
        *(errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.ENOTCONN),
        *(errno.EROFS, errno.ESTALE, errno.ETIMEDOUT),
    }
)
"""A network file system that is away or remounted read-only looks like these."""

_LASTING_WORDS = (
    *("access_denied", "accessdenied", "invalid_access_key", "invalidaccesskeyid"),
    *("no_such_bucket", "nosuchbucket", "signature", "unrecognized_client"),
)
"""What an object store says that it will say again; its errors carry no number."""


def is_full(error: OSError) -> bool:
    """Whether there is no room left, or none allowed."""
    return error.errno in _FULL


def may_pass(error: OSError, *, local: bool) -> bool:
    """Whether an operation that failed may succeed a little later.

    Of a server, which anything but the ``local`` file system is, only refusals last.

    >>> may_pass(OSError(errno.EROFS, "read-only"), local=True)
    True
    >>> may_pass(OSError(errno.ENOSPC, "full"), local=True)
    False
    """
    if error.errno is not None:
        return error.errno in _PASSING
    return not local and not any(word in str(error).lower() for word in _LASTING_WORDS)


def patiently(
    action: Callable[[], T],
    passes: Callable[[BaseException], bool],
    *,
    patience: float,
    pause: float,
    what: Callable[[BaseException], str] = str,
) -> T:
    """Do something, again and again for `patience` seconds while what hinders it may pass.

    The first pause doubles up to 15 s; the last error is raised, the others are logged by `what`.
    """

    def left(state: tenacity.RetryCallState) -> float:
        return patience - (state.seconds_since_start or 0.0)

    def say(state: tenacity.RetryCallState) -> None:
        if state.outcome and (error := state.outcome.exception()):
            logger.warning("%s; tried again for another %.0f s", what(error), left(state))

    pauses = tenacity.wait_exponential(multiplier=pause, max=15.0)
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(passes),
        stop=tenacity.stop_after_delay(patience),
        wait=lambda state: min(pauses(state), left(state)),
        before_sleep=say,
        reraise=True,
    )(action)
