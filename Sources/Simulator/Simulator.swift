// Placeholder of Simulator.
