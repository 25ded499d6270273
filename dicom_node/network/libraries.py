"""What pydicom and pynetdicom keep for a whole process, said in one place.

Both libraries have switches that hold for everybody who shares the process: the node, its models
and its report templates alike. Whoever is the root of a process (the node, a receiver, a command,
a test run) sets them once, before anything else; no other module touches them.
"""

import logging

from pydicom import config as pydicom_config

# Above CRITICAL: nothing of theirs is logged. What they would say are tracebacks of what a peer
# sent, and values, which name patients; the node says what happened in lines of its own.
_SILENT = logging.CRITICAL + 1


def set_up_dicom_libraries(*, calls_peers: bool = True) -> None:
    """Set the switches of pydicom and pynetdicom that hold for this process; may be repeated.

    Who calls no peer and listens to none need not wait for pynetdicom, and does without its.

    - Values are read as they stand, without a warning that would quote them: objects are judged
      where they are received and interpreted, not wherever an attribute is looked at.
    - Files are sent as they stand, and read piece by piece while they are sent.
    - Neither library writes to the log.
    """
    pydicom_config.settings.reading_validation_mode = pydicom_config.IGNORE
    if calls_peers:
        from pynetdicom import _config as pynetdicom_config  # noqa: PLC0415 - see above

        pynetdicom_config.STORE_SEND_CHUNKED_DATASET = True
        pynetdicom_config.LOG_HANDLER_LEVEL = "none"
    for library in ("pydicom", "pynetdicom"):
        logging.getLogger(library).setLevel(_SILENT)
