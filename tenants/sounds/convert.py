"""An uploaded file becomes what Asterisk plays: WAV, 8 kHz, mono, 16 bit. Judged by what can be decoded [ACC-D13]."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass, field

import av
from av.container import InputContainer
from av.error import FFmpegError

RATE = 8000
MAX_SECONDS = 300
_MAX_SAMPLES = MAX_SECONDS * RATE + RATE // 2  # encoders pad their last frame


class NotAudio(ValueError):
    """No sound can be read from it."""


class TooLong(ValueError):
    """More than MAX_SECONDS."""


@dataclass(frozen=True, slots=True)
class Converted:
    wav: bytes = field(repr=False)
    seconds: int  # rounded, at least 1

    @property
    def milliseconds(self) -> int:
        return round(wav_seconds(self.wav) * 1000)


def convert(content: bytes, kind: str) -> Converted:
    """Takes up to a second of a core: call it in a thread. `kind` (mp3, wav) picks the only reader that is tried.

    Raises:
        NotAudio: broken, empty, or something else.
        TooLong: stopped as soon as that is known.
    """
    try:
        with av.open(io.BytesIO(content), "r", format=kind) as source:
            assert isinstance(source, InputContainer)
            samples = _samples(source)
    except (FFmpegError, ValueError, IndexError, EOFError) as broken:
        if isinstance(broken, TooLong):
            raise
        raise NotAudio(str(broken)) from broken
    if len(samples) < RATE // 10 * 2:
        raise NotAudio("empty")
    target = io.BytesIO()
    with wave.open(target, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(bytes(samples))
    return Converted(target.getvalue(), max(1, round(len(samples) / 2 / RATE)))


def _samples(source: InputContainer) -> bytearray:
    found = bytearray()
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    for frame in source.decode(source.streams.audio[0]):
        _take(found, resampler.resample(frame))
    _take(found, resampler.resample(None))
    return found


def _take(found: bytearray, frames: list[av.AudioFrame]) -> None:
    for frame in frames:
        found += bytes(frame.planes[0])[:frame.samples * 2]
    if len(found) > _MAX_SAMPLES * 2:
        raise TooLong


def wav_seconds(content: bytes) -> float:
    """Length of a recording of ours; 0 when it is none."""
    try:
        with wave.open(io.BytesIO(content)) as recording:
            return recording.getnframes() / recording.getframerate()
    except (wave.Error, EOFError, ZeroDivisionError):
        return 0.0
