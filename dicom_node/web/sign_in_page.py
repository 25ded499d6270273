"""The page on which people sign in, whichever way they take."""

from fastapi import Request, Response

from dicom_node.web.frame import Frame


class SignInPage:
    """Shows the page; ``elsewhere`` is what people call the provider that they may go to.

    ``only``: they may go nowhere else, and have no passwords here.
    """

    def __init__(self, frame: Frame, *, elsewhere: str = "", only: bool = False) -> None:
        self._frame = frame
        self._elsewhere = elsewhere
        self._only = only

    def show(
        self,
        request: Request,
        *,
        status: int = 200,
        to: str = "",
        problem: str = "",
        closed: bool = False,
        left: bool = False,
    ) -> Response:
        """Return the page.

        Parameters
        ----------
        to : str
            The page that was asked for.
        problem : str
            Why nobody came in.
        closed : bool
            Whether nobody has a password yet.
        left : bool
            Whether somebody who came by way of the provider has signed out here, but not there.
        """
        return self._frame.page(
            request,
            None,
            "sign_in.html",
            status=status,
            to=to,
            problem=problem,
            closed=closed,
            left=left,
            elsewhere=self._elsewhere,
            only=self._only,
        )


def local_path(path: str) -> str:
    """Return ``path`` if it leads to a page of the node; nothing for another site's address."""
    return path if path.startswith("/") and path[1:2] not in ("/", "\\") else ""
