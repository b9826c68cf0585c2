"""Compressed streams in any pieces: what went in comes out, and nothing beyond the limit."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, strategies as st

from viewer.inflate import ENCODINGS, BrokenStream, Inflater, InflatesTooLarge

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
TEXT = b"What is the weather in Paris right now? " * 50


def inflate(encoding: str, *chunks: bytes, limit: int = 1 << 30) -> bytes:
    inflater = Inflater(encoding, limit)
    inflated = b"".join(inflater.feed(chunk) for chunk in chunks)
    inflater.finish()
    return inflated


def test_inflate_has_a_test_for_every_encoding() -> None:
    """What is accepted is tested below."""
    assert set(COMPRESS) == set(ENCODINGS)


@given(st.binary(max_size=3000), st.sampled_from(ENCODINGS), st.integers(1, 50))
def test_inflate_gives_back_what_went_in_whatever_the_pieces(text: bytes, encoding: str, size: int) -> None:
    """Cut anywhere, a stream inflates to the same; the limit is exact."""
    packed = COMPRESS[encoding](text)
    chunks = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert inflate(encoding, *chunks, limit=len(text)) == text
    if text:
        with pytest.raises(InflatesTooLarge):
            inflate(encoding, *chunks, limit=len(text) - 1)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_inflate_refuses_what_is_damaged(encoding: str) -> None:
    """Nothing at all, cut short, no such stream, followed by garbage."""
    packed = COMPRESS[encoding](TEXT)
    for chunks in ([], [packed[:-5]], [b"garbage" * 10], [packed, b"garbage"], [packed[:9], b"\xff" * 90]):
        with pytest.raises(BrokenStream):
            inflate(encoding, *chunks)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_inflate_reads_streams_in_a_row(encoding: str) -> None:
    """Members and frames follow each other, also within a chunk."""
    packed = COMPRESS[encoding](TEXT)
    assert inflate(encoding, packed + packed, packed[:20], packed[20:]) == TEXT * 3


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_inflate_stops_a_bomb_at_the_limit(encoding: str) -> None:
    """A stream of a gigabyte of zeros inflates to the limit and a bounded piece more, in bounded pieces."""
    packed = COMPRESS[encoding](bytes(100_000_000))
    inflater, inflated = Inflater(encoding, 1_000_000), 0
    chunks = [packed[at : at + 100] for at in range(0, len(packed), 100)]
    try:
        for chunk in chunks:
            inflated += len(inflater.feed(chunk))
    except InflatesTooLarge:
        stopped = True
    else:
        stopped = False
    assert stopped
    assert inflated <= 1_000_000


def test_inflate_refuses_a_huge_zstd_window() -> None:
    """A frame may ask for memory beforehand; more than 8 MiB is not given."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = compressor.compress(TEXT * 100_000) + compressor.flush()
    with pytest.raises(BrokenStream):
        inflate("zstd", packed)
