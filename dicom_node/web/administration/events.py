"""Server-sent events (WHATWG HTML, Section 9.2): a page is told that what it shows has changed."""

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.concurrency import run_in_threadpool

_SECOND = 1.0
# So often is a browser told; then it asks again, and is asked again who it is.
_BEATS = 60
_SIGN_OF_LIFE = 15


async def changes(
    pulse: Callable[[], str], is_over: Callable[[], bool], since: str, *, second: float = _SECOND
) -> AsyncIterator[str]:
    """Yield an event each time that ``pulse`` says something else, for about a minute.

    ``since`` is what it said when the page was drawn, or what the last event said. The first event
    says nothing but how soon to ask again. Each has the pulse as its identifier: a browser that
    asks again says the last one (Section 9.2.4, ``Last-Event-ID``), so that nothing is missed
    in between.
    """
    last = since
    yield f"retry: 1000\nid: {last}\n\n"
    for beat in range(_BEATS):
        found = await run_in_threadpool(pulse)
        if found != last:
            last = found
            yield f"event: changed\nid: {last}\ndata: 1\n\n"
        elif beat % _SIGN_OF_LIFE == 0:
            yield ": still here\n\n"
        await asyncio.sleep(second)
        if is_over():
            return
