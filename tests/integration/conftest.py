"""What integration tests start from."""

from collections.abc import Iterator

import pytest

from tests.schema import schemas_copied


@pytest.fixture(autouse=True, scope="module")
def _soon() -> Iterator[None]:
    """Copy the schema into each new database: to migrate one takes half a second of processor."""
    with schemas_copied():
        yield
