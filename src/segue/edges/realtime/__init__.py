"""The edge of OpenAI's Realtime protocol: its server VAD over a WebSocket, by our model.

Top to bottom: router (who may, and how it ends) -> session (one socket and its live stream) -> turns (what is told of
speech) and configuration (what is asked for) -> turn_detection, audio_format -> events (what is said).
"""
