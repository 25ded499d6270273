"""The IHE Integration Statement: each claim with the test that proves it, and what is not claimed.

Profiles of IHE Radiology (RAD) and IT Infrastructure (ITI). A claim without a test is none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dicom_node import __version__
from dicom_node.node.statement import table, title


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One thing that an actor has to do, and the test that shows it (path::name)."""

    what: str
    test: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An actor of a profile; without proofs it is not claimed, and ``why`` says what is missing.

    ``except_for``: what the actor would have to do besides, and the node does not.
    """

    profile: str
    actor: str
    proofs: Sequence[Proof] = ()
    why: str = ""
    except_for: str = ""

    @property
    def words(self) -> str:
        """Whether it is claimed."""
        if not self.proofs:
            return f"Not claimed: {self.why}"
        return f"In part: without {self.except_for}" if self.except_for else "Yes"


def _proof(what: str, test: str) -> Proof:
    return Proof(what=what, test=f"tests/{test}")


_CORRIDOR = "acceptance/test_corridor.py"
_REPORT = "unit/sr_templates/test_measurement_report.py"
_KEY_OBJECTS = "unit/sr_templates/test_key_object_selection.py"
_ITEMS = "unit/dicomweb/test_workitems.py"
_WORKLIST = "integration/network/test_worklist_scp.py"
_TLS = "integration/network/test_tls.py"
_EVENTS = "integration/network/test_step_events.py"
_PERFORMING = "integration/network/test_performing.py"
_CHANNEL = "integration/web/test_step_channel.py"
_COMMITTED = _proof(
    "RAD-10 Storage Commitment",
    "acceptance/test_commitment.py::test_results_are_committed_to_and_images_are",
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        profile="AI Results (AIR)",
        actor="Evidence Creator",
        proofs=(
            _proof(
                "RAD-18 Creator Images Stored: results of the study in the PACS",
                f"{_CORRIDOR}::test_a_radiograph_comes_back_as_a_report_and_an_overlay",
            ),
            _proof(
                "Results as TID 1500, complete and readable again",
                f"{_REPORT}::test_every_report_passes_the_gate_and_survives_writing_and_reading",
            ),
            _proof(
                "Qualitative findings, each with its image and probability",
                f"{_REPORT}::test_every_label_of_every_image_has_its_verdict_with_numbers_and_image",
            ),
            _proof(
                "Locations as regions with tracking identifiers",
                f"{_REPORT}::test_a_positive_localised_finding_has_one_planar_group",
            ),
            _proof(
                "The algorithm is identified with its version and parameters",
                f"{_REPORT}::test_the_algorithm_is_identified_in_groups_and_where_there_are_none",
            ),
            _proof(
                "A result without findings, or without an analysis, is a result",
                f"{_REPORT}::test_a_refused_study_says_why_in_code_and_in_words",
            ),
            _COMMITTED,
        ),
    ),
    Claim(
        profile="AI Results (AIR)",
        actor="Image Display",
        why="the node's pages show its own results only",
    ),
    Claim(
        profile="AI Workflow for Imaging (AIW-I)",
        actor="Task Manager",
        except_for="the Push workflow, for which it would have to create steps at performers "
        "(RAD-80), and a time client of its own (CT); Pull and Triggered Pull are supported",
        proofs=(
            _proof(
                "RAD-80 Create UPS Workitem",
                f"{_ITEMS}::test_a_work_item_is_created_and_found_where_the_answer_says",
            ),
            _proof("RAD-81 Query UPS Workitems", f"{_ITEMS}::test_a_search_gives_dicom_json"),
            _proof(
                "RAD-82 Claim UPS Workitem",
                f"{_ITEMS}::test_of_two_workstations_one_claims_and_the_other_gets_a_conflict",
            ),
            _proof(
                "RAD-82 Claim UPS Workitem, over associations",
                f"{_WORKLIST}::test_of_two_workstations_one_claims_and_the_other_learns_so",
            ),
            _proof("RAD-83 Get UPS Workitem", f"{_ITEMS}::test_a_work_item_is_retrieved"),
            _proof(
                "RAD-80 Create UPS Workitem, over associations",
                f"{_WORKLIST}::test_a_pacs_puts_a_study_up_for_review",
            ),
            _proof(
                "RAD-83 and RAD-84 Get and Update UPS Workitem, over associations",
                f"{_WORKLIST}::test_a_step_is_read_and_written",
            ),
            _proof(
                "RAD-84 Update UPS Workitem",
                f"{_ITEMS}::test_updates_carry_the_transaction_uid_in_the_query_or_the_payload",
            ),
            _proof(
                "RAD-85 Complete UPS Workitem",
                "acceptance/test_workstation.py::"
                "test_a_report_that_a_workstation_stores_decides_what_it_has_claimed",
            ),
            _proof(
                "RAD-86 Manage UPS Subscription",
                f"{_EVENTS}::test_subscriptions_are_suspended_and_ended",
            ),
            _proof(
                "RAD-87 Send UPS Notification, over associations",
                f"{_EVENTS}::"
                "test_a_subscriber_to_all_is_told_how_they_stand_and_what_becomes_of_each",
            ),
            _proof(
                "RAD-87 Send UPS Notification, over a WebSocket",
                f"{_CHANNEL}::"
                "test_events_come_over_the_socket_and_what_happened_before_it_opened_first",
            ),
            _proof(
                "RAD-109 Open Event Channel",
                f"{_CHANNEL}::test_nobody_listens_as_another_and_the_newest_of_two_is_told",
            ),
            _proof(
                "RAD-88 Request UPS Cancelation",
                f"{_EVENTS}::test_progress_assignment_and_requests_to_cancel_are_told",
            ),
        ),
    ),
    Claim(
        profile="AI Workflow for Imaging (AIW-I)",
        actor="Task Performer",
        except_for="Triggered Pull and Push and their event channels (RAD-86, RAD-87, RAD-109), "
        "and a time client of its own (CT); the Pull workflow is supported",
        proofs=(
            _proof(
                "RAD-81 Query UPS Workitems: by state, readiness, label, work and station",
                f"{_PERFORMING}::"
                "test_work_of_others_is_left_to_them_and_no_more_is_taken_than_is_wanted",
            ),
            _proof(
                "RAD-82 Claim UPS Workitem, also where the answer was lost",
                f"{_PERFORMING}::"
                "test_a_claim_whose_answer_was_lost_is_the_nodes_and_a_faster_performers_is_not",
            ),
            _proof(
                "RAD-83 Get UPS Workitem: input is fetched from whom the step names",
                f"{_PERFORMING}::"
                "test_a_study_that_only_an_archive_has_is_fetched_from_whom_the_step_names",
            ),
            _proof(
                "RAD-84 and RAD-85 Update and Complete UPS Workitem, with its output",
                f"{_PERFORMING}::test_a_step_is_claimed_analysed_and_completed_with_its_results",
            ),
            _proof(
                "All of these in a whole node, with its results in the PACS",
                "acceptance/test_performing.py::"
                "test_a_step_for_a_study_that_only_the_pacs_has_ends_with_its_results_there",
            ),
            _proof(
                "RAD-85 Canceled, with the reason",
                f"{_PERFORMING}::test_what_comes_to_nothing_is_canceled_with_the_reason",
            ),
        ),
    ),
    Claim(
        profile="Key Image Note (KIN)",
        actor="Evidence Creator",
        proofs=(
            _proof(
                "RAD-29 Key Image Note Stored",
                f"{_CORRIDOR}::"
                "test_a_destination_gets_the_kinds_of_evidence_that_it_is_administered_to_get",
            ),
            _proof(
                "Key images with a title, a description and resolvable references",
                f"{_KEY_OBJECTS}::test_highdicom_reads_the_selection_and_resolves_it",
            ),
            _COMMITTED,
        ),
    ),
    Claim(
        profile="Scheduled Workflow (SWF.b)",
        actor="Evidence Creator",
        why="the node reports no performed procedure steps of its own (RAD-20, RAD-21)",
    ),
    Claim(
        profile="Audit Trail and Node Authentication (ATNA)",
        actor="Secure Application",
        except_for="certificates of callers of DICOMweb and of pages, who show a token or sign in "
        "by HTTPS, and the node's own one at DICOMweb servers (ITI-19)",
        proofs=(
            _proof(
                "ITI-19 Authenticate Node, DICOM: certificates on both sides, called",
                f"{_TLS}::test_who_is_not_trusted_or_speaks_plainly_gets_nowhere",
            ),
            _proof(
                "ITI-19 Authenticate Node, DICOM: certificates on both sides, calling",
                f"{_TLS}::test_the_node_sends_by_tls_to_whom_it_trusts",
            ),
            _proof(
                "ITI-19 Authenticate Node: nothing older than TLS 1.2",
                f"{_TLS}::test_nothing_older_than_tls_1_2_is_spoken",
            ),
            _proof(
                "ITI-20 Record Audit Event: by syslog over TLS",
                "integration/audit/test_syslog.py::"
                "test_records_arrive_whole_over_tls_in_their_order",
            ),
            _proof(
                "ITI-20 Record Audit Event: every message keeps PS3.15's schema",
                "unit/audit/test_messages.py::test_every_kind_of_message_keeps_the_schema",
            ),
            _proof(
                "Instances stored, queried and retrieved are recorded",
                "integration/audit/test_associations.py::test_queries_and_retrievals_are_recorded",
            ),
        ),
    ),
    Claim(
        profile="Audit Trail and Node Authentication (ATNA)",
        actor="Secure Node",
        why="the operating system and its other programs are not the node's",
    ),
    Claim(
        profile="Consistent Time (CT)",
        actor="Time Client",
        why="the node takes its time from the operating system: synchronise that (NTP)",
    ),
)


def integration_statement() -> str:
    """Return the statement as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# AI integration node: IHE Integration Statement"
    yield ""
    yield f"Version {__version__}. What is claimed is proved by the tests named beside it, which"
    yield "run with every change. What is listed as not claimed is not supported, and is said here"
    yield "because it might be expected. DICOM conformance: `dicom-node conformance`."
    yield from table(
        ("Profile", "Actor", "Claimed"),
        [(each.profile, each.actor, each.words) for each in CLAIMS],
    )
    for claim in CLAIMS:
        if claim.proofs:
            yield from title(2, f"{claim.profile}: {claim.actor}")
            yield from table(
                ("What", "Proved by"), [(each.what, f"`{each.test}`") for each in claim.proofs]
            )
