"""Which failures of a storage may pass, and which will not by waiting."""

from __future__ import annotations

import errno

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

_PASSING = frozenset(
    {
        errno.EACCES,
        errno.EAGAIN,
        errno.EBUSY,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EIO,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENOTCONN,
        errno.EPERM,
        errno.EPIPE,
        errno.EROFS,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)
"""A network file system that is away or remounted read-only looks like these."""

_LASTING_WORDS = (
    "access_denied",
    "accessdenied",
    "invalid_access_key",
    "invalidaccesskeyid",
    "no_such_bucket",
    "nosuchbucket",
    "signature",
    "unrecognized_client",
)
"""What an object store says that it will say again; its errors carry no number."""


def is_full(error: OSError) -> bool:
    """Whether there is no room left, or none allowed."""
    return error.errno in _FULL


def may_pass(error: OSError, *, local: bool) -> bool:
    """Whether an operation that failed may succeed a little later.

    Args:
        error: What was raised.
        local: By the local file system; any other is a server, of which only refusals last.

    >>> may_pass(OSError(errno.EROFS, "read-only"), local=True)
    True
    >>> may_pass(OSError(errno.ENOSPC, "full"), local=True)
    False
    """
    if error.errno is not None:
        return error.errno in _PASSING
    return not local and not any(word in str(error).lower() for word in _LASTING_WORDS)
