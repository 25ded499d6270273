"""What the service offers (PS3.18 Section 8.9): a WADL document made of the routes themselves."""

import re
from collections import defaultdict
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from fastapi.routing import APIRoute

WADL = "application/vnd.sun.wadl+xml"
_NAMESPACE = "http://wadl.dev.java.net/2009/02"
_PARAMETER = re.compile(r"\{(\w+)\}")


def wadl(base: str, routes: Iterable[APIRoute], prefix: str) -> bytes:
    """Return the resources below ``base``, with their methods and the names of their parameters."""
    found: dict[str, set[str]] = defaultdict(set)
    for route in routes:
        found[route.path.removeprefix(prefix)] |= route.methods or set()
    application = ET.Element("application", xmlns=_NAMESPACE)
    resources = ET.SubElement(application, "resources", base=base)
    for path in sorted(found):
        resource = ET.SubElement(resources, "resource", path=path or "/")
        for name in _PARAMETER.findall(path):
            ET.SubElement(resource, "param", name=name, style="template", required="true")
        for method in sorted(found[path]):
            ET.SubElement(resource, "method", name=method)
    document: bytes = ET.tostring(application, encoding="utf-8", xml_declaration=True)
    return document
