"""`aiguillage classify --jsonl`: one line in, one line out, in the same order."""

import gc
import sys


def classify() -> None:
    """Read lines from standard input until its end; a bad line is answered and the rest goes on."""
    from services.router.catalogue.load import load_catalogue
    from services.router.classification.compiled_catalogue import compile_catalogue
    from services.router.classification.trained_model import load_model
    from services.router.classify_lines import classify_lines

    # Bytes that are not UTF-8 must spoil their own line only.
    lines = (line.decode("utf-8", errors="surrogateescape") for line in sys.stdin.buffer)
    catalogue = load_catalogue()
    compiled = compile_catalogue(catalogue, model=load_model())
    gc.freeze()  # the catalogue and the model stay: not to be gone through at each collection
    for answer in classify_lines(lines, catalogue=catalogue, compiled=compiled):
        sys.stdout.write(answer + "\n")
