"""Codes of audit messages: PS3.16 CID 400 to 405, and those of RFC 3881 that PS3.15 refers to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept."""

    value: str
    meaning: str
    system: str = "DCM"


# CID 400, Audit Event ID
APPLICATION_ACTIVITY = Code("110100", "Application Activity")
AUDIT_LOG_USED = Code("110101", "Audit Log Used")
BEGIN_TRANSFERRING = Code("110102", "Begin Transferring DICOM Instances")
INSTANCES_ACCESSED = Code("110103", "DICOM Instances Accessed")
INSTANCES_TRANSFERRED = Code("110104", "DICOM Instances Transferred")
STUDY_DELETED = Code("110105", "DICOM Study Deleted")
EXPORT = Code("110106", "Export")
NETWORK_ENTRY = Code("110108", "Network Entry")
PROCEDURE_RECORD = Code("110111", "Procedure Record")
QUERY = Code("110112", "Query")
SECURITY_ALERT = Code("110113", "Security Alert")
USER_AUTHENTICATION = Code("110114", "User Authentication")
EVENTS = (
    APPLICATION_ACTIVITY,
    AUDIT_LOG_USED,
    BEGIN_TRANSFERRING,
    INSTANCES_ACCESSED,
    INSTANCES_TRANSFERRED,
    STUDY_DELETED,
    EXPORT,
    NETWORK_ENTRY,
    PROCEDURE_RECORD,
    QUERY,
    SECURITY_ALERT,
    USER_AUTHENTICATION,
)

# CID 401, Audit Event Type Code
APPLICATION_START = Code("110120", "Application Start")
APPLICATION_STOP = Code("110121", "Application Stop")
LOGIN = Code("110122", "Login")
LOGOUT = Code("110123", "Logout")
ATTACH = Code("110124", "Attach")
NODE_AUTHENTICATION = Code("110126", "Node Authentication")
NETWORK_CONFIGURATION = Code("110128", "Network Configuration")
SOFTWARE_CONFIGURATION = Code("110131", "Software Configuration")
RESTRICTED_FUNCTION = Code("110132", "Use of Restricted Function")
RECORDING_STOPPED = Code("110133", "Audit Recording Stopped")
ROLES_CHANGED = Code("110136", "Security Roles Changed")
USER_ATTRIBUTES_CHANGED = Code("110137", "User security Attributes Changed")

# CID 402, Audit Active Participant Role ID
APPLICATION = Code("110150", "Application")
APPLICATION_LAUNCHER = Code("110151", "Application Launcher")
DESTINATION = Code("110152", "Destination Role ID")
SOURCE = Code("110153", "Source Role ID")

# CID 404, Audit Participant Object ID Type Code; RFC 3881 Section 5.5.4
STUDY_UID = Code("110180", "Study Instance UID")
SOP_CLASS_UID = Code("110181", "SOP Class UID")
NODE_ID = Code("110182", "Node ID")
PATIENT_NUMBER = Code("2", "Patient Number", "RFC-3881")
USER_IDENTIFIER = Code("11", "User Identifier", "RFC-3881")
URI = Code("12", "URI", "RFC-3881")
