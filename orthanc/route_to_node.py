"""Forwards every stable study to the node by C-STORE, once, and never the node's own results.

What ``route-to-node.lua`` does, for an Orthanc with its Python plug-in.
"""

import json
import os

import orthanc

NODE = "ainode"  # its name in DicomModalities
NODE_AE_TITLE = os.environ.get("NODE_AE_TITLE", "AINODE")
FORWARDED = "ForwardedToNode"  # its name in UserMetadata
RESULT = "ResultOfNode"  # likewise, of studies

# Kinds of object that the node makes: of these, who made it is looked up.
RESULT_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture Image
        "1.2.840.10008.5.1.4.1.1.11.1",  # Grayscale Softcopy Presentation State
        "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
        "1.2.840.10008.5.1.4.1.1.88.33",  # Comprehensive SR
        "1.2.840.10008.5.1.4.1.1.88.34",  # Comprehensive 3D SR
        "1.2.840.10008.5.1.4.1.1.88.59",  # Key Object Selection
    }
)
# The node names each algorithm in Contributing Equipment (PS3.3 C.12.1.5); so do other makers,
# and their results are no input for it either.
ALGORITHM_PURPOSES = frozenset(
    {
        "109102",  # DCM, Processing Equipment
        "processing-alg",  # the node's own code, Processing Algorithm
    }
)
THIS_MACHINE = frozenset({"127.0.0.1", "::1"})


class Forwarding:
    """Which instances are on their way, by the job that carries them, and which jobs failed."""

    def __init__(self):
        self._underway = {}
        self._failed = set()

    def study_is_stable(self, study):
        """Forward what a study has that was not forwarded yet."""
        self._retry_failed()
        waiting = {each for of_job in self._underway.values() for each in of_job}
        instances = []
        for each in _asked(f"/studies/{study}/instances"):
            _note_result(study, each["ID"])
            if each["ID"] not in waiting and _must_be_forwarded(each["ID"]):
                instances.append(each["ID"])
        if not instances:
            return
        order = json.dumps({"Resources": instances, "Asynchronous": True})
        job = json.loads(orthanc.RestApiPost(f"/modalities/{NODE}/store", order))["ID"]
        self._underway[job] = instances
        orthanc.LogWarning(f"forwarding study {study}: {len(instances)} instances, job {job}")

    def job_succeeded(self, job):
        """Note on each instance that it was forwarded."""
        for each in self._underway.pop(job, ()):
            orthanc.RestApiPut(f"/instances/{each}/metadata/{FORWARDED}", NODE_AE_TITLE)

    def job_failed(self, job):
        """Keep a job in mind: it is tried again with the next study that is stable."""
        if job in self._underway:
            orthanc.LogWarning(f"forwarding failed, job {job}")
            self._failed.add(job)

    def _retry_failed(self):
        """Try again what failed while the node was away: whatever comes next is the occasion."""
        while self._failed:
            job = self._failed.pop()
            orthanc.LogWarning(f"forwarding again, job {job}")
            try:
                orthanc.RestApiPost(f"/jobs/{job}/resubmit", "")
            except orthanc.OrthancException:
                # No longer in Orthanc's list: its instances are free to go again.
                self._underway.pop(job, None)


def _asked(path):
    return json.loads(orthanc.RestApiGet(path))


def _metadata(instance):
    return _asked(f"/instances/{instance}/metadata?expand")


def _must_be_forwarded(instance):
    metadata = _metadata(instance)
    if FORWARDED in metadata or metadata.get("RemoteAET") == NODE_AE_TITLE:
        return False
    return not (metadata.get("SopClassUid") in RESULT_CLASSES and _is_algorithm_result(instance))


def _is_algorithm_result(instance):
    tags = _asked(f"/instances/{instance}/simplified-tags")
    return any(
        purpose.get("CodeValue") in ALGORITHM_PURPOSES
        for equipment in tags.get("ContributingEquipmentSequence") or ()
        for purpose in equipment.get("PurposeOfReferenceCodeSequence") or ()
    )


def _note_result(study, instance):
    """Have whoever looks at a study in Orthanc see that the node has sent a result of it."""
    if _metadata(instance).get("RemoteAET") == NODE_AE_TITLE:
        orthanc.RestApiPut(f"/studies/{study}/metadata/{RESULT}", NODE_AE_TITLE)


def _may_ask(_uri, **request):
    """Answer this machine alone while there is no password, whatever RemoteAccessAllowed says."""
    return bool(os.environ.get("PACS_PASSWORD")) or request["ip"] in THIS_MACHINE


def _register():
    forwarding = Forwarding()
    actions = {
        orthanc.ChangeType.STABLE_STUDY: forwarding.study_is_stable,
        orthanc.ChangeType.JOB_SUCCESS: forwarding.job_succeeded,
        orthanc.ChangeType.JOB_FAILURE: forwarding.job_failed,
    }

    def on_change(change, _level, resource):
        action = actions.get(change)
        if action is not None:
            try:
                action(resource)
            except orthanc.OrthancException as error:
                # A study that is gone, or a node that is no modality: Orthanc goes on.
                orthanc.LogError(f"forwarding: {error}")

    orthanc.RegisterOnChangeCallback(on_change)
    orthanc.RegisterIncomingHttpRequestFilter(_may_ask)


_register()
