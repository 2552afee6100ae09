"""The embedded speech service: recognition and synthesis for the unmodified Azure Speech SDK."""
