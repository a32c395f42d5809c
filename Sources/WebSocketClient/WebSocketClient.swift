// Placeholder of WebSocketClient.
