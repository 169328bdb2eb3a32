"""Recordings as MP3 [ACC-54, VM-06]; the node records WAV."""

from __future__ import annotations

import io
import wave

import lameenc

from app.kernel.files import StoredFile

MP3 = "audio/mpeg"
BIT_RATE = 32  # kbit/s, plenty for telephone speech


class NotAudio(ValueError):
    """Neither MP3 nor 16-bit WAV."""


def as_mp3(stored: StoredFile) -> bytes:
    """Takes about a second for ten minutes of speech: call it in a thread.

    Raises:
        NotAudio
    """
    if stored.media_type == MP3:
        return stored.content
    try:
        with wave.open(io.BytesIO(stored.content)) as sound:
            if sound.getsampwidth() != 2:
                raise NotAudio("not 16-bit")
            encoder = lameenc.Encoder()
            encoder.silence()
            encoder.set_bit_rate(BIT_RATE)
            encoder.set_in_sample_rate(sound.getframerate())
            encoder.set_channels(sound.getnchannels())
            encoder.set_quality(7)
            samples = sound.readframes(sound.getnframes())
    except (wave.Error, EOFError) as broken:
        raise NotAudio(str(broken)) from broken
    return bytes(encoder.encode(samples) + encoder.flush())
