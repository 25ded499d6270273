"""Stores that are imported and made when they are asked for."""

import threading
import time
from pathlib import Path

from dicom_node.configuration.settings import NodeSettings
from dicom_node.node.late import Late
from dicom_node.node.repositories import Repositories


class _Owner:
    made = 0

    @Late
    def slow(self) -> object:
        """Something."""
        self.made += 1
        time.sleep(0.05)
        return object()


def test_an_attribute_is_made_once_though_threads_ask_for_it_at_once() -> None:
    owner, got = _Owner(), []
    threads = [threading.Thread(target=lambda: got.append(owner.slow)) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert owner.made == 1
    assert len(got) == 8
    assert len(set(map(id, got))) == 1


def test_each_store_is_what_type_checkers_are_told_it_is(tmp_path: Path) -> None:
    repositories = Repositories(NodeSettings(data_dir=tmp_path))
    repositories.make_all()
    stated = {
        name: text.removeprefix("Late[").removesuffix("]")
        for name, text in Repositories.__annotations__.items()
    }
    assert len(stated) > 30
    assert {name: type(getattr(repositories, name)).__name__ for name in stated} == stated
    repositories.close()
