// Placeholder of ColonyExchanges.
