// Placeholder of Ingest.
