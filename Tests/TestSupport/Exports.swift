// Child processes, free ports and fault proxies: drills and tests break things with the same tools.
@_exported public import FaultInjection
