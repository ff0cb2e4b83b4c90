"""The web page: an edge of its own, in Gradio, in English and Chinese.

Top to bottom: router (what joins the app at once: ``/``, the door) -> door (who may, by a cookie) -> page (Gradio's own
thread and event loop, which the app's loop hands requests to) -> build (one set of blocks a language) -> the tabs
(detect, live, models, compare) -> picture (a waveform with segments, in the browser) and words (what is said).
Beside them: listening, the socket through which the tab Live hears and is told; Gradio has no part in it.

Nothing here is imported before something serves, and Gradio only by ``build`` and what follows it: it takes seconds.
"""
