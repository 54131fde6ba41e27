"""What a training leaves on disk: a comparison to read, and perhaps another model."""

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

from services.router.learning.retrain_model import COMPARED, Comparison, Measured, Scores


def write_comparison(folder: Path, comparison: Comparison, *, replaced: bool) -> Path:
    """Write it as JSON and as Markdown under `folder`, named by its time; gives the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"comparison-{comparison.at:%Y%m%dT%H%M%SZ}"
    told = {**asdict(comparison), "at": comparison.at.isoformat(), "replaced": replaced}
    text = json.dumps(told, ensure_ascii=False, indent=2)
    (folder / f"{stem}.json").write_text(text + "\n", encoding="utf-8")
    readable = folder / f"{stem}.md"
    readable.write_text(_as_markdown(comparison, replaced=replaced), encoding="utf-8")
    return readable


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` in place of the file at once: a reader sees the old or the new, never half."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    written = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp's own is for its owner alone; a model is no secret, and services run apart.
        written.chmod(0o644)
        written.replace(path)
    except BaseException:
        written.unlink(missing_ok=True)
        raise


def _as_markdown(comparison: Comparison, *, replaced: bool) -> str:
    verdict = (
        "The new model **replaced** the present one."
        if replaced
        else "The present model **stays**."
    )
    lines = [
        f"# Training of {comparison.at:%Y-%m-%d %H:%M} UTC",
        "",
        verdict,
        "",
        f"Trained on {comparison.own_texts} texts of ours and {comparison.taught} that people's "
        f"decisions labelled; {comparison.only_wrong} more only say which agency is wrong.",
        "",
        *_table("Fixed test set", comparison.fixed),
    ]
    if comparison.recent is None:
        lines += ["## Newest decisions", "", "There are none yet.", ""]
    else:
        lines += _table("Newest decisions, kept apart from training", comparison.recent)
    return "\n".join(lines)


def _table(title: str, measured: Measured) -> list[str]:
    names = [*COMPARED, *sorted(measured.candidate.keys() - {*COMPARED, "texts"})]
    rows = [
        f"| {name}{'' if name in COMPARED else ' (not compared)'} "
        f"| {_figure(measured.present, name)} | {_figure(measured.candidate, name)} |"
        for name in names
    ]
    worse = ", ".join(measured.worse_in)
    return [
        f"## {title}",
        "",
        f"{measured.candidate['texts']:.0f} texts. "
        + (f"Worse in: {worse}." if worse else "Worse in nothing."),
        "",
        "| score | present | new |",
        "|---|---|---|",
        *rows,
        "",
    ]


def _figure(scores: Scores | None, name: str) -> str:
    value = scores.get(name) if scores is not None else None
    return f"{value:.4f}" if value is not None else "—"
