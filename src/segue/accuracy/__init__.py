"""Labels beside what was detected -> figures, and parameters that do better. Nothing in ``speech`` knows of it.

Read top to bottom: ``tuning`` and ``comparison`` -> ``scored_clip`` -> ``evaluation`` -> ``agreement`` (two segment
lists); and ``pairing`` (which label is whose) -> ``references`` -> ``textgrid`` (files of labels).
"""
