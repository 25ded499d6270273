"""The sections of administrators and operators, in the order of the navigation."""

import functools

from dicom_node.administration.administration import Administration
from dicom_node.domain.user import Permission
from dicom_node.web.administration import (
    ae_titles,
    changes,
    deliveries,
    disk,
    home,
    models,
    notifications,
    people,
    routes,
    studies,
)
from dicom_node.web.frame import Frame, Section
from dicom_node.web.review.reading_first import WithheldFrom
from dicom_node.web.sessions import allows


def make_sections(
    frame: Frame, administration: Administration, withheld: WithheldFrom
) -> tuple[Section, ...]:
    """Return the sections; each is shown to those who may look at it.

    ``withheld`` says from whom results are kept who administer the node and read, too.
    """
    looking, managing = allows(Permission.STATUS), allows(Permission.PEOPLE)
    configuring = allows(Permission.CONFIGURE)
    studies_router = functools.partial(studies.make_router, withheld=withheld)
    return tuple(
        Section(title=title, path=path, router=make(frame, administration), is_for=is_for)
        for title, path, make, is_for in (
            ("Overview", home.PATH, home.make_router, looking),
            ("Studies", studies.PATH, studies_router, looking),
            ("Deliveries", deliveries.PATH, deliveries.make_router, looking),
            ("AE titles", ae_titles.PATH, ae_titles.make_router, looking),
            ("Routes", routes.PATH, routes.make_router, looking),
            ("Models", models.PATH, models.make_router, looking),
            ("Disk", disk.PATH, disk.make_router, looking),
            ("Notifications", notifications.PATH, notifications.make_router, configuring),
            ("People", people.PATH, people.make_router, managing),
            ("Changes", changes.PATH, changes.make_router, managing),
        )
    )
