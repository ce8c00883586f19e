"""The graph of a city: nodes, edges and images, how they are read and measured."""
