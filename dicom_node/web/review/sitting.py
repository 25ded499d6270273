"""A session of many cases: how many somebody wants to read, and how far they are."""

from dataclasses import dataclass

from fastapi import Request

_NAME = "sitting"
MOST_CASES = 500
CHOICES = (10, 25, 50, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """``done`` of ``cases`` have been decided since ``begun``, in seconds since 1970."""

    cases: int
    done: int
    begun: int

    @property
    def is_over(self) -> bool:
        """Whether all have been decided."""
        return self.done >= self.cases


def begin(request: Request, cases: int, now: int) -> None:
    """Begin a session of so many cases; without any, reading goes on as long as there are some."""
    request.session.pop(_NAME, None)
    if 0 < cases <= MOST_CASES:
        request.session[_NAME] = [cases, 0, now]


def sitting_of(request: Request) -> Sitting | None:
    """Return the session that somebody is in."""
    kept = request.session.get(_NAME)
    return Sitting(cases=kept[0], done=kept[1], begun=kept[2]) if kept else None


def advance(request: Request) -> Sitting | None:
    """Count one more decided case; a session whose cases are all decided is over."""
    sitting = sitting_of(request)
    if sitting is None:
        return None
    further = Sitting(cases=sitting.cases, done=sitting.done + 1, begun=sitting.begun)
    if further.is_over:
        request.session.pop(_NAME)
    else:
        request.session[_NAME] = [further.cases, further.done, further.begun]
    return further
