"""The Open Inference Protocol, version 2, over HTTP: with binary tensors, and the model repository extension.

For clients of Triton, KServe and the like. Top to bottom: router (the addresses) -> inference (a request as it is asked
for) -> tensors (of JSON and of the bytes behind it) -> answers; repository (load and unload), models (what there is),
failures (errors in the protocol's form).
"""
