"""Server-sent events (WHATWG HTML, Section 9.2): a page is told that what it shows has changed."""

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.concurrency import run_in_threadpool

_SECOND = 1.0
# So often is a browser told; then it asks again, and is asked again who it is.
_BEATS = 60
_SIGN_OF_LIFE = 15


async def changes(
    pulse: Callable[[], str], is_over: Callable[[], bool], *, second: float = _SECOND
) -> AsyncIterator[str]:
    """Yield an event each time that ``pulse`` says something else, for about a minute.

    The first says nothing but how soon to ask again: the page has just been drawn. One that asks
    again draws itself anew, so that nothing is missed in between.
    """
    last = await run_in_threadpool(pulse)
    yield "retry: 1000\n\n"
    for beat in range(1, _BEATS + 1):
        await asyncio.sleep(second)
        if is_over():
            return
        found = await run_in_threadpool(pulse)
        if found != last:
            last = found
            yield "event: changed\ndata: 1\n\n"
        elif beat % _SIGN_OF_LIFE == 0:
            yield ": still here\n\n"
