"""A page's blobs read back, written apart from the code that writes them."""

import base64
import hashlib
import json
import re
import zlib

import numpy as np


def read_page(text):
    """Header and blobs, still compressed, of a page's HTML."""
    found = re.findall(r'<script type="application/([\w-]+)" id="([^"]+)">([^<]*)</script>', text)
    (header,) = (json.loads(body) for kind, _, body in found if kind == "json")
    blobs = {name.removeprefix("blob-"): base64.b64decode(body) for kind, name, body in found if kind != "json"}
    return header, blobs


def raw_bytes(header, blobs, name):
    """The little-endian bytes of a blob, which have the hash that the header says."""
    facts, packed = header["blobs"][name], blobs[name]
    raw = packed if facts["encoding"] == "png" else zlib.decompress(packed, wbits=-15)
    if facts["encoding"] == "planes+deflate":
        half = len(raw) // 2
        raw = bytes(byte for pair in zip(raw[:half], raw[half:], strict=True) for byte in pair)
    assert hashlib.sha256(raw).hexdigest() == facts["sha256"], name
    return raw


def array(header, blobs, name):
    """A blob as an array, its scale not applied."""
    facts = header["blobs"][name]
    return np.frombuffer(raw_bytes(header, blobs, name), np.dtype(facts["dtype"]).newbyteorder("<")).reshape(
        facts["shape"]
    )
