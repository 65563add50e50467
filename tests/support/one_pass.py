"""The relay's C (relay/audio/waves.c) for tests that run it from its source: as it is deployed, and in less CPU.

test_one_pass.py holds it to the Python that runs where no C compiler is, sample by sample.
"""

import os
import shutil
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

from scripts import compile_relay

SOURCE = compile_relay.ROOT / "relay/audio/waves.c"


def use_waves(cache: Path = compile_relay.ROOT / ".cache/waves") -> None:
    """From now on `relay.audio` finds it, compiled once for each content. Without a compiler it stays as it is."""
    if "relay.audio.pcm" in sys.modules or shutil.which(os.environ.get("CC", "cc")) is None:
        return  # the compiled relay has its own
    content = SOURCE.read_bytes() + Path(compile_relay.__file__).read_bytes() + sys.version.encode()
    folder = cache / sha256(content).hexdigest()[:16]
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=cache))
        compile_relay.compile_c(SOURCE, made)
        try:
            made.rename(folder)
        except OSError:  # another run was quicker
            shutil.rmtree(made)
    import relay.audio

    relay.audio.__path__.append(str(folder))
