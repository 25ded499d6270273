"""The sections of administrators and operators, in the order of the navigation."""

from dicom_node.administration.administration import Administration
from dicom_node.domain.user import Permission
from dicom_node.web.administration import (
    ae_titles,
    changes,
    deliveries,
    home,
    models,
    notifications,
    people,
    routes,
    studies,
)
from dicom_node.web.frame import Frame, Section
from dicom_node.web.sessions import allows


def make_sections(frame: Frame, administration: Administration) -> tuple[Section, ...]:
    """Return the sections; each is shown to those who may look at it."""
    looking, managing = allows(Permission.STATUS), allows(Permission.PEOPLE)
    configuring = allows(Permission.CONFIGURE)
    return tuple(
        Section(title=title, path=path, router=make(frame, administration), is_for=is_for)
        for title, path, make, is_for in (
            ("Overview", home.PATH, home.make_router, looking),
            ("Studies", studies.PATH, studies.make_router, looking),
            ("Deliveries", deliveries.PATH, deliveries.make_router, looking),
            ("AE titles", ae_titles.PATH, ae_titles.make_router, looking),
            ("Routes", routes.PATH, routes.make_router, looking),
            ("Models", models.PATH, models.make_router, looking),
            ("Notifications", notifications.PATH, notifications.make_router, configuring),
            ("People", people.PATH, people.make_router, managing),
            ("Changes", changes.PATH, changes.make_router, managing),
        )
    )
