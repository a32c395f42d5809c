// Placeholder of RedisClient.
