"""Services by peers: the test that tries each with each, or why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass, field

PEERS = ("DCMTK", "Orthanc", "pynetdicom", "dicomweb-client", "OHIF", "PixelMed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service, and the tests that try it, by peer; ``without`` says why others have none."""

    name: str
    tests: Mapping[str, str]
    without: Mapping[str, str] = field(default_factory=dict)


_NET, _WEB = "integration/network", "integration/web"
_STORING = "unit/web/test_storing.py"
_ANSWERS = "the peer does not offer it"
_VALIDATES = "integration/sr_templates/test_form_validators.py"


SERVICES: tuple[Service, ...] = (
    Service(
        name="Verification, provider",
        tests={
            "DCMTK": f"{_NET}/test_receiving.py::test_dcmtk_verifies_the_node",
            "Orthanc": f"{_NET}/test_orthanc_pairing.py::"
            "test_the_node_is_known_and_strangers_are_not",
        },
    ),
    Service(
        name="Storage, provider",
        tests={
            "DCMTK": f"{_NET}/test_receiving.py::"
            "test_dcmtk_sends_every_real_object_and_the_bytes_on_disk_are_those_sent",
            "Orthanc": "acceptance/test_corridor.py::"
            "test_orthanc_forwards_a_stable_study_and_gets_the_results_without_a_loop",
        },
    ),
    Service(
        name="Storage, user",
        tests={
            "DCMTK": f"{_NET}/test_sending.py::test_dcmtk_receives_every_real_object_byte_by_byte",
            "Orthanc": "acceptance/test_corridor.py::"
            "test_a_radiograph_comes_back_as_a_report_and_an_overlay",
        },
    ),
    Service(
        name="Storage by TLS, provider",
        tests={"DCMTK": f"{_NET}/test_tls.py::test_dcmtk_stores_by_tls"},
    ),
    Service(
        name="Storage commitment, provider",
        tests={
            "Orthanc": f"{_NET}/test_commitment.py::test_orthanc_asks_and_hears_what_it_may_delete",
            "pynetdicom": f"{_NET}/test_commitment.py::"
            "test_what_is_there_is_committed_to_over_the_association_that_asked",
        },
        without={"DCMTK": _ANSWERS},
    ),
    Service(
        name="Storage commitment, user",
        tests={
            "Orthanc": f"{_NET}/test_proving.py::"
            "test_orthanc_commits_to_results_and_gets_again_what_it_has_lost",
        },
        without={"DCMTK": _ANSWERS},
    ),
    Service(
        name="Query (C-FIND), provider",
        tests={
            "DCMTK": f"{_NET}/test_query_retrieve.py::"
            "test_findscu_finds_at_every_level_by_every_kind_of_key",
            "Orthanc": f"{_NET}/test_query_retrieve.py::test_orthanc_queries_and_retrieves",
        },
    ),
    Service(
        name="Retrieve (C-MOVE), provider",
        tests={
            "DCMTK": f"{_NET}/test_query_retrieve.py::test_movescu_has_a_series_sent_to_itself",
            "Orthanc": f"{_NET}/test_query_retrieve.py::test_orthanc_queries_and_retrieves",
        },
    ),
    Service(
        name="Retrieve (C-GET), provider",
        tests={
            "DCMTK": f"{_NET}/test_query_retrieve.py::"
            "test_getscu_gets_the_bytes_that_were_received",
        },
    ),
    Service(
        name="Query and retrieve, user",
        tests={
            "Orthanc": f"{_NET}/test_repairing.py::"
            "test_slices_that_did_not_arrive_come_from_orthanc",
        },
    ),
    Service(
        name="Modality Worklist, provider",
        tests={
            "DCMTK": f"{_NET}/test_worklist_scp.py::test_findscu_reads_the_modality_worklist",
        },
    ),
    Service(
        name="Modality Worklist, user",
        tests={
            "DCMTK": f"{_NET}/test_orders.py::test_an_order_is_found_by_the_study_instance_uid",
        },
        without={"Orthanc": "its worklist is a plug-in that is not installed"},
    ),
    Service(
        name="Procedure steps (UPS), manager",
        tests={
            "pynetdicom": f"{_NET}/test_worklist_scp.py::"
            "test_of_two_workstations_one_claims_and_the_other_learns_so",
        },
        without={"DCMTK": _ANSWERS, "Orthanc": _ANSWERS},
    ),
    Service(
        name="Events of procedure steps",
        tests={
            "pynetdicom": f"{_NET}/test_step_events.py::"
            "test_a_subscriber_to_all_is_told_how_they_stand_and_what_becomes_of_each",
        },
        without={"DCMTK": _ANSWERS, "Orthanc": _ANSWERS},
    ),
    Service(
        name="Procedure steps (UPS), performer",
        tests={
            "pynetdicom": f"{_NET}/test_performing.py::"
            "test_a_step_is_claimed_analysed_and_completed_with_its_results",
        },
        without={"DCMTK": _ANSWERS, "Orthanc": _ANSWERS},
    ),
    Service(
        name="Performed steps (MPPS), provider",
        tests={
            "pynetdicom": f"{_NET}/test_reports.py::"
            "test_a_step_is_kept_from_its_start_to_its_end_with_its_dose",
        },
        without={"DCMTK": _ANSWERS, "Orthanc": _ANSWERS},
    ),
    Service(
        name="Instance availability, provider",
        tests={"pynetdicom": f"{_NET}/test_reports.py::test_an_archive_says_what_it_has"},
        without={"DCMTK": _ANSWERS, "Orthanc": _ANSWERS},
    ),
    Service(
        name="Instance availability, user",
        tests={
            "pynetdicom": f"{_NET}/test_informing.py::"
            "test_a_result_is_told_of_when_it_is_delivered_and_not_twice",
        },
        without={"DCMTK": _ANSWERS, "Orthanc": _ANSWERS},
    ),
    Service(
        name="QIDO-RS, origin server",
        tests={
            "dicomweb-client": f"{_WEB}/test_dicomweb_client.py::"
            "test_studies_are_found_by_page_without_one_missed_or_given_twice",
            "OHIF": f"{_WEB}/test_ohif_on_node.py::"
            "test_ohif_lists_opens_and_draws_what_the_node_holds",
        },
    ),
    Service(
        name="WADO-RS, origin server",
        tests={
            "dicomweb-client": f"{_STORING}::test_dicomweb_client_stores_and_reads_back",
            "OHIF": f"{_WEB}/test_ohif_on_node.py::"
            "test_ohif_lists_opens_and_draws_what_the_node_holds",
        },
    ),
    Service(
        name="STOW-RS, origin server",
        tests={"dicomweb-client": f"{_STORING}::test_dicomweb_client_stores_and_reads_back"},
    ),
    Service(
        name="STOW-RS, user agent",
        tests={
            "Orthanc": f"{_NET}/test_stow_destination.py::"
            "test_a_delivery_reaches_orthanc_by_stow_with_the_kept_credential",
        },
    ),
    Service(
        name="Results: reports are valid",
        tests={"PixelMed": f"{_VALIDATES}::test_every_form_of_every_kind_of_report_is_valid"},
    ),
    Service(
        name="Results: shown by a viewer",
        tests={
            "OHIF": "acceptance/test_viewer.py::"
            "test_the_reports_region_is_drawn_at_the_right_pixels_with_the_findings_name",
        },
    ),
)
