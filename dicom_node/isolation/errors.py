"""What comes back from a worker instead of a result.

NodeError
├── AwayError           the desk lacks what is away and comes back (dicom_node.errors)
├── WorkRefusedError    the desk refused, in its own words
├── NoWorkerError       no worker was free in time, or none can be started
├── WorkFailedError     the desk raised what nobody expected
└── WorkGivenUpError    workers have died of it: it is not tried again

WorkerDiedError         one worker has died of it (no NodeError: it is tried once more)
"""

from dicom_node.errors import NodeError

KILLED = "was ended by SIGKILL"
"""What a worker died of that somebody killed, or the machine for want of memory."""


class WorkRefusedError(NodeError):
    """The desk refused the work on purpose; the words are its own."""


class NoWorkerError(NodeError):
    """No worker was free in time, or none can be started; it may be otherwise soon."""


class WorkFailedError(NodeError):
    """The desk raised an error that nobody expected; the log has the trace."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"internal error in a worker process ({kind}): the node's log has the trace; "
            "dicom-node retry tries again"
        )


class WorkGivenUpError(NodeError):
    """Workers have died of the work, or the node itself has while it was done."""


class WorkerDiedError(Exception):
    """A worker has died, run out of memory or passed its deadline; the words say which."""
