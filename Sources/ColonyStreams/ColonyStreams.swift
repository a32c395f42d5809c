// Placeholder of ColonyStreams.
