"""Sounds for the demo's menus and messages: a few notes, made here so that nothing has to be shipped."""

from __future__ import annotations

import array
import io
import math
import sys
import wave
from collections.abc import Sequence

RATE = 8000
LOUDNESS = 9000  # of 32767
FADE_SECONDS = 0.02  # at both ends of a note: no clicks


def chime(notes: Sequence[float], seconds: float = 0.5) -> bytes:
    """WAV of 8 kHz, mono, 16 bit; the notes (Hz) one after another, each so long."""
    count, fade = int(RATE * seconds), int(RATE * FADE_SECONDS)
    shape = [LOUDNESS * min(1.0, place / fade, (count - 1 - place) / fade) for place in range(count)]
    samples = array.array("h", (int(loud * math.sin(2 * math.pi * note * place / RATE))
                                for note in notes for place, loud in enumerate(shape)))
    if sys.byteorder == "big":
        samples.byteswap()
    target = io.BytesIO()
    with wave.open(target, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())
    return target.getvalue()
