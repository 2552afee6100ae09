"""The embedded agent's three sockets: media of a phone call, media of a browser, events for dashboards.

The rule: it hears for itself. What was said, and when it began and ended, comes from the samples it received and from
their arrival on its own clock, so that what it tells about its turns can check a caller's measurements.

`hearing` finds utterances in sound, `turns` decides which of the `actions` is done when (they know neither sockets nor
event loops), `wire` writes messages, `connection` is one WebSocket, `call` binds them, and `phone`, `browser` and
`relay` read what their clients send.
"""
