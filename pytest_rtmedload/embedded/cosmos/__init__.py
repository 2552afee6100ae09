"""A stand-in for Azure Cosmos DB (NoSQL, REST) that the unmodified official client works with.

The rule: what it answers is what the service documents, down to status, substatus and headers; what it does not know
it refuses by name. It keeps everything in memory, in one physical partition, and knows its own latency and charges.
"""
