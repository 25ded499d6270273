"""Channels of notices: a file that the node's own user alone may read, as it holds passwords."""

import json
import os
import tempfile
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from dicom_node.domain.notice import Channel
from dicom_node.errors import ConfigurationError, ConflictError, NotFoundError

_CHANNELS: TypeAdapter[tuple[Channel, ...]] = TypeAdapter(tuple[Channel, ...])


class ChannelFile:
    """Reads the file each time that it is asked, so that changes count without a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> tuple[Channel, ...]:
        """Return every channel, in the order in which they were added.

        Raises
        ------
        ConfigurationError
            When the file cannot be read; the message shows nothing of it.
        """
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{self._path} cannot be read.") from error
        try:
            return _CHANNELS.validate_json(text)
        except (ValidationError, ConfigurationError) as error:
            # What is wrong may be an address: none of it is repeated.
            raise ConfigurationError(
                f"{self._path} holds no channels that this version can read: remove it, and add "
                "them again with dicom-node notify add."
            ) from error.__cause__

    def get(self, name: str) -> Channel:
        """Return one channel.

        Raises
        ------
        NotFoundError
            When there is none of that name.
        """
        found = next((each for each in self.all() if each.name == name), None)
        if found is None:
            raise NotFoundError(f"there is no channel {name!r}: dicom-node notify list")
        return found

    def add(self, channel: Channel) -> None:
        """Keep one more.

        Raises
        ------
        ConflictError
            When there is one of that name.
        """
        present = self.all()
        if any(each.name.lower() == channel.name.lower() for each in present):
            raise ConflictError(f"there is a channel {channel.name!r}: take another name.")
        self._write((*present, channel))

    def remove(self, name: str) -> Channel:
        """Forget one; return which it was."""
        gone = self.get(name)
        self._write(tuple(each for each in self.all() if each.name != name))
        return gone

    def _write(self, channels: tuple[Channel, ...]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        kept = [
            {"name": each.name, "url": each.url, "weights": sorted(each.weights)}
            for each in channels
        ]
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".channels.")  # mode 0600
        draft = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(kept, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        finally:
            draft.unlink(missing_ok=True)
