"""Recordings as MP3 [ACC-54, VM-06]; the node records WAV."""

from __future__ import annotations

import io
import wave
from typing import BinaryIO

import lameenc

from app.kernel.files import StoredFile

MP3 = "audio/mpeg"
BIT_RATE = 32  # kbit/s, plenty for telephone speech
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
            if not sound.getnframes():  # nobody has spoken
                raise NotAudio("empty")
            encoder = lameenc.Encoder()
            encoder.silence()
            encoder.set_bit_rate(BIT_RATE)
            encoder.set_in_sample_rate(sound.getframerate())
            encoder.set_channels(sound.getnchannels())
            encoder.set_quality(7)
            parts = bytearray()
            while samples := sound.readframes(PORTION):
                parts += encoder.encode(samples)
            seconds = sound.getnframes() / sound.getframerate()
    except (wave.Error, EOFError) as broken:
        raise NotAudio(str(broken)) from broken
    return bytes(parts + encoder.flush()), seconds
