"""A stand-in for Azure Cosmos DB (NoSQL, REST) that the unmodified official client works with.

The rule: its answers are those the service documents, including status, substatus and headers; unsupported features are
refused by name. It keeps everything in memory, in one physical partition, and knows its own latency and charges.
"""
