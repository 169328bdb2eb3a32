"""Recordings as MP3 [ACC-54, VM-06]; the node records WAV."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from typing import BinaryIO

import lameenc

from app.kernel.files import StoredFile

MP3 = "audio/mpeg"
BIT_RATE = 32  # kbit/s of a channel, plenty for telephone speech
NODE_RATE = 8_000
PORTION = 480_000  # samples, a minute of a call


class NotAudio(ValueError):
    """Neither MP3 nor 16-bit WAV."""


def as_mp3(stored: StoredFile) -> bytes:
    """Takes about a second for ten minutes of speech: call it in a thread.

    Raises:
        NotAudio
    """
    return stored.content if stored.media_type == MP3 else encoded(io.BytesIO(stored.content))[0]


def encoded(source: BinaryIO) -> tuple[bytes, float]:
    """A WAV file as MP3, and its seconds; hours of it are read in portions.

    Raises:
        NotAudio
    """
    try:
        with wave.open(source) as sound:
            if sound.getsampwidth() != 2:
                raise NotAudio("not 16-bit")
            return _encoded(sound.readframes, sound.getnframes(), sound.getframerate(), sound.getnchannels())
    except (wave.Error, EOFError) as broken:
        raise NotAudio(str(broken)) from broken


def encoded_sides(source: BinaryIO) -> tuple[bytes, float]:
    """The same of both sides of a conversation apart: 16-bit samples of 8 kHz, left and right in turn, no head."""
    size = source.seek(0, io.SEEK_END)
    source.seek(0)
    return _encoded(lambda frames: source.read(frames * 4), size // 4, NODE_RATE, 2)


def _encoded(read: Callable[[int], bytes], frames: int, rate: int, channels: int) -> tuple[bytes, float]:
    if not frames:  # nobody has spoken
        raise NotAudio("empty")
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_bit_rate(BIT_RATE * channels)
    encoder.set_in_sample_rate(rate)
    encoder.set_channels(channels)
    encoder.set_quality(7)
    parts = bytearray()
    while samples := read(PORTION):
        parts += encoder.encode(samples[:len(samples) // (2 * channels) * 2 * channels])
    return bytes(parts + encoder.flush()), frames / rate
