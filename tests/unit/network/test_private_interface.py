"""What the node uses of the libraries' private interfaces, name by name, as of the pinned versions.

A failure here means that another version of a library has changed, renamed or dropped something
that the node rests on: read the change, see that ``dicom_node.network.private`` and what builds on
it still does what it says, run the network's tests with either reactor, and then pin the new state.
"""

import ast
import hashlib
import inspect
import textwrap
from pathlib import Path
from types import ModuleType

import pydicom._uid_dict
import pynetdicom.acse
import pynetdicom.ae
import pynetdicom.association
import pynetdicom.dimse
import pynetdicom.dimse_messages
import pynetdicom.dul
import pynetdicom.fsm
import pynetdicom.service_class
import pynetdicom.transport
import pytest
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dul import DULServiceProvider
from pynetdicom.transport import (
    AssociationServer,
    AssociationSocket,
    RequestHandler,
    ThreadedAssociationServer,
)

_NETWORK = Path(__file__).parents[3] / "dicom_node" / "network"
_PRIVATE = _NETWORK / "private.py"

# Attributes, and the class whose ``__init__`` makes them.
ATTRIBUTES = {
    "_server": Association,
    "_kill": Association,
    "_accepted_cx": Association,
    "_run_loop_delay": DULServiceProvider,
    "_idle_timer": DULServiceProvider,
    "_is_connected": AssociationSocket,
}
# Methods that are overridden or called, and their parameters.
METHODS = {
    "_run_reactor": (Association, ("self",)),
    "_serve_request": (Association, ("self", "msg", "context_id")),
    "_shutdown_socket": (AssociationSocket, ("self",)),
    "_create_association": (RequestHandler, ("self",)),
    "_create_socket": (AE, ("self", "assoc", "address", "tls_args")),
}
MODULES = {"_uid_dict": pydicom._uid_dict}
# What is replaced, or relied on in its very order of steps: a digest of its source.
SOURCES = {
    (Association, "_run_reactor"): "cbf8d3c3eb37093a",
    (Association, "_serve_request"): "b9dad50a37d68ef7",
    (Association, "run_reactor"): "3b2745eed4988ef7",
    (Association, "kill"): "531f3ec8d4df979a",
    (Association, "_abort_blocking"): "6d53d8c2c27fe201",
    (AssociationSocket, "__init__"): "bdf9c81c82dd508f",
    (AssociationSocket, "ready"): "245230e31ef3ad51",
    (AssociationSocket, "close"): "c06573e6db40f48f",
    (AssociationSocket, "send"): "e792469c953273eb",
    (AssociationSocket, "_shutdown_socket"): "e2d8667080dc8667",
    (AssociationServer, "__init__"): "c8e7a80c8793ae78",
    (AssociationServer, "active_associations"): "389e6caeadb13065",
    (ThreadedAssociationServer, "process_request_thread"): "dcccbc61de08d727",
    (RequestHandler, "_create_association"): "4ad65038b9aedd36",
    (RequestHandler, "handle"): "049e60ec3c8c25f6",
    (AE, "_create_socket"): "72a5453e58fe46b2",
    (DIMSEServiceProvider, "receive_primitive"): "4307baf82f143a89",
    (DULServiceProvider, "run_reactor"): "780cd7ed323ef3bb",
    (DULServiceProvider, "_read_pdu_data"): "4679cb00a659ff5f",
    (DULServiceProvider, "_is_transport_event"): "6868c3eee650bc3f",
}


def private_names(source: str) -> set[str]:
    """Return the names with one leading underscore that a module defines, imports or reads."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names.update((node.module or "").split("."))
            names.update(alias.name for alias in node.names)
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


def digest(owner: type, name: str) -> str:
    """Return a digest of a function's or property's source."""
    function = inspect.getattr_static(owner, name)
    function = function.fget if isinstance(function, property) else function
    source = textwrap.dedent(inspect.getsource(function))
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def assigned(owner: type) -> set[str]:
    """Return the attributes that a class's own methods assign."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner)))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }


@pytest.fixture(scope="module")
def theirs() -> set[str]:
    """The private names of the library's modules that classes of ours are built on."""
    libraries: tuple[ModuleType, ...] = (
        pynetdicom.acse,
        pynetdicom.ae,
        pynetdicom.association,
        pynetdicom.dimse,
        pynetdicom.dimse_messages,
        pynetdicom.dul,
        pynetdicom.fsm,
        pynetdicom.service_class,
        pynetdicom.transport,
    )
    return set().union(*(private_names(inspect.getsource(library)) for library in libraries))


def test_every_private_name_that_is_used_is_named_here() -> None:
    own = {"_connect"}  # an attribute of ours

    assert private_names(_PRIVATE.read_text()) - own == {*ATTRIBUTES, *METHODS, *MODULES}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_attribute_is_there(name: str) -> None:
    assert name in assigned(ATTRIBUTES[name])


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_called_as_it_was(name: str) -> None:
    owner, parameters = METHODS[name]

    assert tuple(inspect.signature(getattr(owner, name)).parameters) == parameters


@pytest.mark.parametrize(
    ("owner", "name"), SOURCES, ids=lambda each: getattr(each, "__name__", each)
)
def test_what_is_replaced_or_relied_on_has_not_changed(owner: type, name: str) -> None:
    assert digest(owner, name) == SOURCES[owner, name]


def test_the_dictionary_names_transfer_syntaxes() -> None:
    assert pydicom._uid_dict.UID_dictionary["1.2.840.10008.1.2"][1] == "Transfer Syntax"


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(_NETWORK.glob("*.py")) if path != _PRIVATE],
    ids=lambda path: path.stem,
)
def test_no_other_module_touches_a_private_name(path: Path, theirs: set[str]) -> None:
    """Whatever a class of ours calls ``_name`` is its own: no ancestor in a library has it."""
    source = path.read_text()
    bases = {"Association", "Messages", "Socket", "Server", "Connection", "ServiceProvider"}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            built_on = {base.id for base in node.bases if isinstance(base, ast.Name)}
            if any(name.endswith(tuple(bases)) for name in built_on):
                assert private_names(ast.unparse(node)) & theirs == set(), node.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            from_library = node.module.split(".")[0] in ("pydicom", "pynetdicom")
            imported = {*node.module.split("."), *(alias.name for alias in node.names)}
            private = {name for name in imported if name.startswith("_")}
            assert not (from_library and private) or path.stem == "libraries"
