"""Why evidence could not be built."""


class EvidenceError(ValueError):
    """The prediction and the source images do not belong together, or identify nothing."""
