// Placeholder of Coordination.
