"""Downloads into memory, bounded in bytes and in time."""

from __future__ import annotations

import io
import threading
import time
from typing import Any

#: Bytes per second. A download slower than this is given up, once its patience is used up.
MIN_RATE = 20_000


class Bounded(io.BytesIO):
    """Memory for a download of at most `most` bytes; ValueError at the first beyond."""

    def __init__(self, most: int):
        super().__init__()
        self.most = most

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > self.most:
            raise ValueError(f"sends more than the {self.most} bytes that the file may have")
        return super().write(data)


def get(url: str, *, most: int, patience: float, progress: bool) -> bytes:
    """Download `url`, of at most `most` bytes, into memory.

    A timeout of the sockets bounds neither a slow name server nor a server that drips. So the download runs
    in a thread, and is given up when it falls behind `MIN_RATE` by more than `patience` seconds.
    """
    from pooch import HTTPDownloader
    from tqdm import tqdm

    buffer = Bounded(most)
    errors: list[Exception] = []
    # pooch reads the total from the server's answer; until then, a bar without one has no truth value.
    with tqdm(total=1, desc=url.rpartition("/")[2], unit="B", unit_scale=True, disable=not progress, position=0) as bar:
        downloader = HTTPDownloader(progressbar=bar, timeout=patience)

        def work() -> None:
            try:
                downloader(url, buffer, None)
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=work, daemon=True)
        start = time.monotonic()
        thread.start()
        while thread.is_alive():
            thread.join(0.02)
            if thread.is_alive() and time.monotonic() - start > patience + buffer.tell() / MIN_RATE:
                received, bar.leave = buffer.tell(), False
                buffer.close()  # ends the thread at its next write
                raise TimeoutError(f"only {received} bytes in {time.monotonic() - start:.0f} s")
        bar.leave = not errors  # a failed download's bar goes: the error says all
    if errors:
        raise errors[0]
    return buffer.getvalue()


def reason(error: Exception) -> str:
    """Shorten an error of a download to what a user can act on."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, requests.ConnectionError):
        return "cannot connect"
    return str(error).partition("\n")[0]
