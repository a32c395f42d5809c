// Placeholder of Cluster.
