"""The system's melody on hold: a quiet broken chord, made here so that no recording of others is needed."""

from __future__ import annotations

import io
import math
import struct
import wave
from functools import lru_cache

RATE = 8000
NOTE_SECONDS = 0.4
_CHORDS = ((261.6, 329.6, 392.0, 493.9), (220.0, 261.6, 329.6, 392.0), (174.6, 220.0, 261.6, 329.6),
           (196.0, 246.9, 293.7, 349.2))


@lru_cache(maxsize=1)
def wav() -> bytes:
    """Some 13 seconds, 8 kHz mono; it joins at its ends."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for chord in _CHORDS:
            notes = [_note(pitch) for pitch in chord]
            for place in (0, 1, 2, 3, 2, 1, 2, 1):
                file.writeframesraw(notes[place])
    return out.getvalue()


def _note(pitch: float) -> bytes:
    count = int(RATE * NOTE_SECONDS)
    samples = []
    for step in range(count):
        phase = 2 * math.pi * pitch * step / RATE
        swell = min(step / 80, 1.0) * (1 - step / count)  # no clicks
        samples.append(int(5500 * swell * (math.sin(phase) + 0.25 * math.sin(2 * phase))))
    return struct.pack(f"<{count}h", *samples)
