"""What the node is told: settings, files of routes and AE titles, keys and passwords."""
