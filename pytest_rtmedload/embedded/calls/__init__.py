"""The embedded agent's three sockets: media of a phone call, media of a browser, events for dashboards.

The rule: it detects speech itself. What was said, and when it began and ended, is derived from the samples it received
and their arrival on its own clock, so that its reports about its turns can be used to check a caller's measurements.

`hearing` finds utterances in sound, `turns` decides which of the `actions` is done when (they know neither sockets nor
event loops), `wire` writes messages, `connection` is one WebSocket, `call` binds them, and `phone`, `browser` and
`relay` read what their clients send.
"""
