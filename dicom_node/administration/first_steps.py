"""From an empty node to the first study that came back: what is done, and what comes next."""

from collections.abc import Callable
from dataclasses import dataclass

from dicom_node.administration.ae_titles import AeTitles
from dicom_node.administration.routes import Routes
from dicom_node.domain.application_entity import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: what it is called, what there is to do, where, and whether it is done."""

    title: str
    words: str
    path: str
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSteps:
    """Looks which steps are done."""

    ae_titles: AeTitles
    routes: Routes
    has_received: Callable[[], bool]
    has_delivered: Callable[[], bool]

    def steps(self) -> tuple[Step, ...]:
        """Return the steps, in their order."""
        peers = self.ae_titles.all()
        titles = {each.title for each in peers}
        senders = [each for each in peers if {Role.MODALITY, Role.PACS} & each.roles]
        return (
            Step(
                title="Say where results go",
                words="Add the PACS, and send it a C-ECHO: it has to know this node too.",
                path="/ae-titles/new?role=pacs",
                done=any(Role.PACS in each.roles for each in peers),
            ),
            Step(
                title="Say who sends studies",
                words="Add the modality, or the system that forwards, with the PACS as the "
                "destination of its results.",
                path="/ae-titles/new",
                done=any(titles & set(each.destinations) for each in senders),
            ),
            Step(
                title="Look which model sees what",
                words="Routes say which images go to which model.",
                path="/routes",
                done=bool(self.routes.in_use()),
            ),
            Step(
                title="Send a first study",
                words="On the modality, enter this node as a store destination, and send.",
                path="/studies",
                done=self.has_received(),
            ),
            Step(
                title="See it come back",
                words="The report and the overlay are in the PACS, in the same study.",
                path="/overview",
                done=self.has_delivered(),
            ),
        )
